// Orders: takes orders of goods.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// What the health check answers with status 200. A release goes on with "pass" only.
const status = "pass"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "healthcheck" {
		healthcheck()
		return
	}
	http.HandleFunc("GET /orders/health", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]string{"status": status, "version": os.Getenv("VERSION")})
	})
	http.HandleFunc("POST /orders/{goods}", func(w http.ResponseWriter, r *http.Request) {
		log.Printf("ordered: %q", r.PathValue("goods"))
		answer(w, map[string]string{"ordered": r.PathValue("goods")})
	})
	stopped, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	server := &http.Server{Addr: ":8080"}
	go func() {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
	}()
	<-stopped.Done()
	server.Shutdown(context.Background()) // requests that have begun are answered
}

// What ECS runs in the container: the image has no shell and no curl.
func healthcheck() {
	response, err := http.Get("http://127.0.0.1:8080/orders/health")
	if err != nil {
		log.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		log.Fatal(response.Status)
	}
}

func answer(w http.ResponseWriter, content any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(content)
}
