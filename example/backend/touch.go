//go:build ignore

// Command touch gives files the modification time SOURCE_DATE_EPOCH, in seconds since 1970. An image's layers hold the times of
// their files, so that without it every build would be another image. A builder image without a shell has no other touch.
package main

import (
	"log"
	"os"
	"strconv"
	"time"
)

func main() {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		log.Fatalf("touch: SOURCE_DATE_EPOCH: %v", err)
	}
	at := time.Unix(seconds, 0)
	for _, path := range os.Args[1:] {
		if err := os.Chtimes(path, at, at); err != nil {
			log.Fatalf("touch: %v", err)
		}
	}
}
