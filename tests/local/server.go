// What services in tests run: it answers, or misbehaves as its environment tells it.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A migration.
func once(words []string) {
	fmt.Println("migrating with password=hunter2-of-the-database in", os.Getenv("MODE"))
	if words[0] == "hang" {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM)
		<-told
		os.Exit(0)
	}
	code, _ := strconv.Atoi(words[1])
	os.Exit(code)
}

func main() {
	mode := os.Getenv("MODE")
	if len(os.Args) > 1 && os.Args[1] == "probe" {
		url := os.Args[2]
		if !strings.Contains(url, "://") {
			url = "http://127.0.0.1:8080/" + url
		}
		answer, err := (&http.Client{Timeout: 4 * time.Second}).Get(url)
		if err != nil || answer.StatusCode != 200 {
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 {
		once(os.Args[1:])
	}
	fmt.Println("starting", mode)
	switch mode {
	case "crash":
		fmt.Println("no settings")
		os.Exit(3)
	case "deaf":
		time.Sleep(time.Hour)
	case "late":
		time.Sleep(40 * time.Second)
	case "slow-start":
		time.Sleep(2 * time.Second)
	case "crash-later":
		go func() { time.Sleep(4 * time.Second); fmt.Println("lost"); os.Exit(4) }()
	}
	started := time.Now()
	http.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		if mode == "500" || (mode == "turns" && time.Since(started) > 8*time.Second) {
			w.WriteHeader(500)
		}
	})
	http.HandleFunc("/wrong", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			time.Sleep(1500 * time.Millisecond)
		}
		fmt.Fprintf(w, "%s uid=%d", os.Getenv("VERSION"), os.Getuid())
	})
	server := &http.Server{Addr: ":8080"}
	go server.ListenAndServe()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	fmt.Println("asked to stop")
	server.Shutdown(context.Background())
}
