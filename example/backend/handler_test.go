package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func handlerFor(t *testing.T, logs *bytes.Buffer) (http.Handler, *Health) {
	t.Helper()
	health := NewHealth(someSHA, "", time.Now)
	health.Ready()
	return newHandler(health, Config{HealthPath: defaultHealthPath, Environment: "impl"}, slog.New(slog.NewJSONHandler(logs, nil))), health
}

func TestRoutes(t *testing.T) {
	for name, test := range map[string]struct {
		method, path string
		code         int
		body         string
	}{
		"health check":            {"GET", "/api/v1/healthcheck", 200, `"status":"pass"`},
		"health check by HEAD":    {"HEAD", "/api/v1/healthcheck", 200, ""},
		"systems":                 {"GET", "/api/v1/systems", 200, `{"environment":"impl","systems":[{"acronym":"CLIP"`},
		"no such path":            {"GET", "/api/v1/nothing", 404, `{"error":"there is nothing at /api/v1/nothing"}`},
		"the root":                {"GET", "/", 404, `{"error":`},
		"below a known path":      {"GET", "/api/v1/healthcheck/x", 404, `{"error":`},
		"a method that is not on": {"POST", "/api/v1/systems", 405, `{"error":"/api/v1/systems answers GET, not POST"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var logs bytes.Buffer
			handler, _ := handlerFor(t, &logs)
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, httptest.NewRequest(test.method, test.path+"?token=hidden", nil))
			if recorder.Code != test.code {
				t.Errorf("status code %d, want %d", recorder.Code, test.code)
			}
			if !strings.Contains(recorder.Body.String(), test.body) {
				t.Errorf("got %s, want %s", recorder.Body, test.body)
			}
			header := recorder.Header()
			if header.Get("Content-Type") != "application/json" || header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers are %v, want uncached JSON", header)
			}
			if strings.Contains(logs.String(), "hidden") {
				t.Errorf("the query is in the log: %s", logs.String())
			}
		})
	}
}

func TestRequestsAreLoggedAsJSONButPassingHealthChecksAreNot(t *testing.T) {
	var logs bytes.Buffer
	handler, health := handlerFor(t, &logs)
	get := func(path string) {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	get(defaultHealthPath)
	if logs.Len() != 0 {
		t.Errorf("a passing health check was logged: %s", logs.String())
	}
	get(systemsPath)
	health.Drain()
	get(defaultHealthPath)
	var seen []string
	for _, line := range strings.Split(strings.TrimSpace(logs.String()), "\n") {
		var entry struct {
			Method, Path string
			Status       int
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%q is not JSON: %v", line, err)
		}
		seen = append(seen, entry.Method+" "+entry.Path+" "+http.StatusText(entry.Status))
	}
	want := []string{"GET /api/v1/systems OK", "GET /api/v1/healthcheck Service Unavailable"}
	if !slices.Equal(seen, want) {
		t.Errorf("logged %q, want %q", seen, want)
	}
}

func TestConnectionsCloseWithTheirAnswerWhileDraining(t *testing.T) {
	var logs bytes.Buffer
	handler, health := handlerFor(t, &logs)
	header := func() string {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, systemsPath, nil))
		return recorder.Header().Get("Connection")
	}
	if got := header(); got != "" {
		t.Errorf("before the drain: Connection is %q, want it kept alive", got)
	}
	health.Drain()
	if got := header(); got != "close" {
		t.Errorf("while draining: Connection is %q, want close", got)
	}
}

func TestSystemsAreInOrderAndComplete(t *testing.T) {
	if !slices.IsSortedFunc(systems, func(a, b System) int { return strings.Compare(a.Acronym, b.Acronym) }) {
		t.Error("systems are not in order of their acronym")
	}
	for _, system := range systems {
		if system.Acronym == "" || system.Name == "" || system.Description == "" || system.Owner == "" || system.Lifecycle == "" {
			t.Errorf("%+v lacks a field", system)
		}
	}
}

func TestWhatAVisitorChoosesIsLoggedShortened(t *testing.T) {
	var logs bytes.Buffer
	handler, _ := handlerFor(t, &logs)
	for _, path := range []string{"/" + strings.Repeat(".", 100_000), "/" + strings.Repeat("ä", 1000)} {
		logs.Reset()
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Method, request.URL.Path = strings.Repeat("M", 5000), path
		handler.ServeHTTP(httptest.NewRecorder(), request)
		if logs.Len() > 1000 || !strings.Contains(logs.String(), "…") {
			t.Errorf("logged %d bytes of a path of %d", logs.Len(), len(path))
		}
	}
}
