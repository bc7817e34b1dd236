// Search: finds goods by a part of their name.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// What the health check answers with status 200. A release goes on with "pass" only.
const status = "pass"

var goods = []string{"green tea", "black tea", "coffee"}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "healthcheck" {
		healthcheck()
		return
	}
	http.HandleFunc("GET /search/health", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]string{"status": status, "version": os.Getenv("VERSION")})
	})
	http.HandleFunc("GET /search/{part}", func(w http.ResponseWriter, r *http.Request) {
		matches := []string{}
		for _, name := range goods {
			if strings.Contains(name, r.PathValue("part")) {
				matches = append(matches, name)
			}
		}
		answer(w, matches)
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
	response, err := http.Get("http://127.0.0.1:8080/search/health")
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
