package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// newHandler is the API: routes, one log line for each request, and JSON for every answer, errors too.
func newHandler(health *Health, config Config, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(config.HealthPath, readOnly(health))
	mux.Handle(systemsPath, readOnly(systemsHandler(config.Environment)))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, "there is nothing at "+r.URL.Path)
	})
	return logged(log, config.HealthPath, closing(health, mux))
}

// readOnly lets GET and HEAD through.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			writeError(w, http.StatusMethodNotAllowed, r.URL.Path+" answers GET, not "+r.Method)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// closing ends each connection with its answer once the process drains. Turning keep-alive off on the server instead would also
// close the idle connections at once, under a request that a load balancer may just be sending.
func closing(health *Health, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if health.Draining() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// maxLogged is how many bytes of a method or a path are logged. Both are whatever somebody sends, and who reads a log reads every line.
const maxLogged = 256

// logged writes one line for each request: no query, no headers, no body, and no more than 256 bytes of what a visitor chose.
// Health checks that pass are left out, or there would be little else.
func logged(log *slog.Logger, healthPath string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		level := slog.LevelInfo
		if r.URL.Path == healthPath && recorder.status == http.StatusOK {
			level = slog.LevelDebug
		}
		log.Log(r.Context(), level, "request", "method", shortened(r.Method), "path", shortened(r.URL.Path), "status", recorder.status,
			"ms", float64(time.Since(start).Microseconds())/1000)
	})
}

// shortened is the beginning of a text, whole runes of it.
func shortened(text string) string {
	if len(text) <= maxLogged {
		return text
	}
	return strings.ToValidUTF8(text[:maxLogged], "") + "…"
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(code int) {
	s.status = code
	s.ResponseWriter.WriteHeader(code)
}

func writeError(w http.ResponseWriter, code int, message string) {
	writeJSON(w, code, map[string]string{"error": message})
}

// writeJSON answers; what the API says is true now and is kept by nobody.
func writeJSON(w http.ResponseWriter, code int, body any) {
	encoded, err := json.Marshal(body)
	if err != nil { // a type that JSON cannot hold: a mistake in this program, which its tests would show
		http.Error(w, "the answer could not be written", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	w.Write(append(encoded, '\n')) // the client may have gone: nobody is left to tell
}
