// Worker: does its work again and again. Nothing asks it but ECS, in its container.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	address = "127.0.0.1:9000"
	pause   = time.Second
	late    = 10 * time.Second
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "healthcheck" {
		healthcheck()
		return
	}
	var worked atomic.Int64
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if time.Since(time.Unix(worked.Load(), 0)) > late {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	go func() { log.Fatal(http.ListenAndServe(address, nil)) }()
	stopped, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	log.Printf("working, version %s", os.Getenv("VERSION"))
	for stopped.Err() == nil {
		worked.Store(time.Now().Unix()) // here it would take an order from a queue
		select {
		case <-stopped.Done():
		case <-time.After(pause):
		}
	}
	log.Print("stopped between two pieces of work")
}

// What ECS runs in the container: whether the work goes on.
func healthcheck() {
	response, err := http.Get("http://" + address)
	if err != nil {
		log.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		log.Fatalf("no work was done for %s", late)
	}
}
