// A backend that misbehaves as its environment tells it: one image for all cases.
//
// Modes: good, crash, panics (above the stacks of 300 goroutines), crash-late (after 4 s), silent (never listens),
// broken (500), other (another version), status-fail, sometimes (right once in three: to visitors, whose questions
// a query keeps from caches; the load balancer is content). Commands: migrate, migrate-fail, migrate-hang, and the
// container's healthcheck.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

const address = "http://127.0.0.1:8080"

// healthcheck says why the container is not healthy. In a rehearsal it asks as visitors do, RELEASE_REHEARSAL times.
func healthcheck() error {
	version := os.Getenv("RELEASE_REHEARSAL_VERSION")
	times, err := strconv.Atoi(os.Getenv("RELEASE_REHEARSAL"))
	if err != nil {
		_, err := http.Get(address + "/ready")
		return err
	}
	for range times {
		answer, err := http.Get(address + "/?rehearsal=1")
		if err != nil {
			return err
		}
		var said struct{ Status, Version string }
		json.NewDecoder(answer.Body).Decode(&said)
		if answer.StatusCode != 200 {
			return fmt.Errorf("answered %d, expected 200", answer.StatusCode)
		}
		if said.Status != "pass" {
			return fmt.Errorf("status is %s, expected pass", said.Status)
		}
		if said.Version != version {
			return fmt.Errorf("version is %s, expected %s", said.Version, version)
		}
	}
	return nil
}

func main() {
	mode, version := os.Getenv("FAULTS_MODE"), os.Getenv("RELEASE_VERSION")
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	switch command {
	case "healthcheck":
		if err := healthcheck(); err != nil {
			log, _ := os.OpenFile("/proc/1/fd/1", os.O_WRONLY, 0)
			fmt.Fprintln(io.MultiWriter(os.Stdout, log), "not healthy:", err)
			os.Exit(1)
		}
		return
	case "migrate":
		fmt.Println("migrating to", version)
		time.Sleep(time.Second)
		fmt.Println("migrated")
		return
	case "migrate-fail":
		fmt.Println("migrating to", version)
		fmt.Println("relation systems does not exist")
		os.Exit(3)
	case "migrate-hang":
		fmt.Println("waiting for a lock on table systems")
		time.Sleep(time.Hour)
	}
	fmt.Println("starting", version, mode)
	switch mode {
	case "crash":
		fmt.Println("cannot open the database")
		os.Exit(3)
	case "panics":
		debug.SetTraceback("all")
		for range 300 {
			go func() { time.Sleep(time.Hour) }()
		}
		time.Sleep(100 * time.Millisecond)
		panic("cannot reach the database: postgres://easi:Winter@2026!@db.internal:5432/easi")
	case "crash-late":
		go func() {
			time.Sleep(4 * time.Second)
			fmt.Println("lost the database")
			os.Exit(4)
		}()
	case "silent":
		time.Sleep(time.Hour)
	}
	var task struct{ TaskARN string }
	if answer, err := http.Get(os.Getenv("ECS_CONTAINER_METADATA_URI_V4") + "/task"); err == nil {
		json.NewDecoder(answer.Body).Decode(&task)
	}
	var answered atomic.Int64
	http.HandleFunc("/ready", func(w http.ResponseWriter, r *http.Request) {})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		says, status, code := version, "pass", 200
		visitor := r.URL.Query().Encode() != ""
		switch {
		case mode == "broken":
			w.WriteHeader(500)
			fmt.Fprintln(w, "database is gone")
			return
		case mode == "other":
			says = "0123456789012345678901234567890123456789"
		case mode == "status-fail":
			status = "fail"
		case mode == "sometimes" && visitor && answered.Add(1)%3 != 0:
			status, code = "fail", 503
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Task-Id", path.Base(task.TaskARN))
		if code != 200 {
			w.WriteHeader(code)
		}
		now := time.Now().UTC()
		fmt.Fprintf(w, `{"status":%q,"datetime":%q,"version":%q,"timestamp":"%d"}`,
			status, now.Format("2006-01-02 15:04:05-07:00"), says, now.Unix())
	})
	server := &http.Server{Addr: ":8080"}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go func() { <-ended; time.Sleep(time.Second); server.Close() }()
	fmt.Println(server.ListenAndServe())
}
