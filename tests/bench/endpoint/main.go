// An S3 endpoint in memory, which waits before each answer as a network does and counts what it is asked.
//
//	go run . -port 0 -latency 20ms
//
// It prints its address and ends when its standard input does. Buckets exist as soon as somebody writes to them. Path style: /bucket/key. It knows what
// `aws s3 sync`, s5cmd and a release ask for, and refuses what S3 refuses of that. Beside S3:
//
//	GET  /-/counts    requests by kind since the last reset, and the bytes that arrived
//	POST /-/reset     counts nothing again; ?objects=1 also forgets the objects
//	POST /-/latency   ?ms=20
//	POST /-/faults    a JSON list of faults, in place of those before
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A fault is what the next requests of one kind get in place of a right answer.
type fault struct {
	Kind  string `json:"kind"`
	Key   string `json:"key"`   // "": any
	Times int    `json:"times"` // how many requests
	// "503 SlowDown" and the like: that error. "cut": the connection ends before an answer, "cut body": within its
	// body, "late cut": after the work was done. "200 InternalError": status 200 with an error as its body. "corrupt":
	// other bytes than those stored. "hang": no answer for Seconds.
	How     string  `json:"how"`
	Seconds float64 `json:"seconds"`
}

type endpoint struct {
	latency atomic.Int64
	store   store
	mutex   sync.Mutex
	counts  map[string]int
	faults  []*fault
}

func (e *endpoint) faultFor(kind, key string) *fault {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.counts[kind]++
	for _, f := range e.faults {
		if f.Times > 0 && f.Kind == kind && (f.Key == "" || f.Key == key) {
			f.Times--
			return f
		}
	}
	return nil
}

func (e *endpoint) control(w http.ResponseWriter, r *http.Request) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "GET /-/counts":
	case "POST /-/reset":
		e.counts = map[string]int{}
		if r.URL.Query().Has("objects") {
			e.store.clear()
		}
	case "POST /-/latency":
		wait, err := time.ParseDuration(r.URL.Query().Get("ms") + "ms")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		e.latency.Store(int64(wait))
	case "POST /-/faults":
		e.faults = nil
		if err := json.NewDecoder(r.Body).Decode(&e.faults); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(e.counts)
}

func main() {
	port := flag.Int("port", 0, "0: a free one")
	latency := flag.Duration("latency", 20*time.Millisecond, "before each answer")
	certificate := flag.String("certificate", "", "PEM file; with -key: TLS")
	key := flag.String("key", "", "PEM file")
	flag.Parse()
	e := &endpoint{counts: map[string]int{}, store: store{buckets: map[string]*bucket{}}}
	e.latency.Store(int64(*latency))
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	scheme := "http"
	if *certificate != "" {
		scheme = "https"
	}
	fmt.Printf("%s://%s\n", scheme, listener.Addr())
	// It ends with whoever started it, however that ended.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	// HTTP/1.1 only, as S3 speaks it.
	server := &http.Server{Handler: http.HandlerFunc(e.serve), ReadHeaderTimeout: time.Minute}
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	if *certificate != "" {
		log.Fatal(server.ServeTLS(listener, *certificate, *key))
	}
	log.Fatal(server.Serve(listener))
}
