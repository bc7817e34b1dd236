package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	eastern = time.FixedZone("eastern", -4*60*60)
	moment  = time.Date(2021, 11, 2, 13, 5, 19, 999, eastern)
)

func TestHealthAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		life func(*Health)
		code int
		body string
	}{
		"before it listens": {func(*Health) {}, 503, `"status":"fail"`},
		"ready": {func(h *Health) { h.Ready() }, 200,
			`{"status":"pass","datetime":"2021-11-02 17:05:19+00:00","version":"` + someSHA + `","timestamp":"1635872719"}` + "\n"},
		"draining":                   {func(h *Health) { h.Ready(); h.Drain() }, 503, `"status":"fail"`},
		"never ready after draining": {func(h *Health) { h.Drain(); h.Ready() }, 503, `"status":"fail"`},
	} {
		t.Run(name, func(t *testing.T) {
			health := NewHealth(someSHA, "", func() time.Time { return moment })
			test.life(health)
			recorder := httptest.NewRecorder()
			health.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, defaultHealthPath, nil))
			if recorder.Code != test.code {
				t.Errorf("status code %d, want %d", recorder.Code, test.code)
			}
			if body := recorder.Body.String(); !strings.Contains(body, test.body) {
				t.Errorf("got %s, want %s", body, test.body)
			}
			if cache := recorder.Header().Get("Cache-Control"); cache != "no-store" {
				t.Errorf("Cache-Control is %q, want no-store", cache)
			}
		})
	}
}

func TestTimestampIsTheTimeOfTheAnswer(t *testing.T) {
	now := moment
	health := NewHealth(someSHA, "", func() time.Time { return now })
	first := health.Answer()
	now = now.Add(time.Minute)
	second := health.Answer()
	if first.Timestamp != "1635872719" || second.Timestamp != "1635872779" || second.Datetime != "2021-11-02 17:06:19+00:00" {
		t.Errorf("got %+v, then %+v", first, second)
	}
}

func TestProbe(t *testing.T) {
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"healthy": {func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, 200, HealthAnswer{Status: statusPass})
		}, ""},
		"draining": {func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, 503, HealthAnswer{Status: statusFail})
		}, `503 Service Unavailable with status "fail"`},
		"fail with code 200": {func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, 200, HealthAnswer{Status: statusFail})
		}, `status "fail"`},
		"not JSON": {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("hello")) }, "without a readable body"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, "302 Found"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.handler)
			defer server.Close()
			address, _ := url.Parse(server.URL)
			port, _ := strconv.Atoi(address.Port())
			err := probe(context.Background(), port, defaultHealthPath, "")
			if test.want == "" && err != nil {
				t.Errorf("got %v, want healthy", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestProbeWithoutAServer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address, _ := url.Parse(server.URL)
	port, _ := strconv.Atoi(address.Port())
	server.Close()
	if err := probe(context.Background(), port, defaultHealthPath, ""); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want a refused connection", err)
	}
}

func TestProbeAsksThePathThatIsSet(t *testing.T) {
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		writeJSON(w, http.StatusOK, HealthAnswer{Status: statusPass})
	}))
	defer server.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	var errs bytes.Buffer
	env := environment(map[string]string{"PORT": port, "RELEASE_HEALTH_PATH": "/other"})
	code := run(context.Background(), []string{"healthcheck"}, env, io.Discard, &errs)
	if path := <-asked; code != exitOK || path != "/other" {
		t.Errorf("asked %s, exit code %d, complained %q", path, code, errs.String())
	}
}

func TestRehearsalAsksSeveralTimesAndComparesTheVersion(t *testing.T) {
	for name, test := range map[string]struct {
		version string
		wrong   int // the answer that fails, counted from 1
		asked   int
		want    string
	}{
		"right":           {someSHA, 0, 3, ""},
		"another version": {strings.Repeat("0", 40), 0, 1, `version \"0000000000000000000000000000000000000000\", not \"` + someSHA},
		"right once":      {someSHA, 2, 2, `503 Service Unavailable with status \"fail\"`},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if asked++; asked == test.wrong {
					writeJSON(w, 503, HealthAnswer{Status: statusFail, Version: test.version})
					return
				}
				writeJSON(w, 200, HealthAnswer{Status: statusPass, Version: test.version})
			}))
			defer server.Close()
			log := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(log, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			defer func(before string) { containerLog = before }(containerLog)
			containerLog = log
			_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
			variables := map[string]string{"PORT": port, "RELEASE_REHEARSAL": "3", "RELEASE_REHEARSAL_VERSION": someSHA}
			code := run(context.Background(), []string{"healthcheck"}, environment(variables), io.Discard, io.Discard)
			said, _ := os.ReadFile(log)
			if (code == exitOK) != (test.want == "") || asked != test.asked || !strings.Contains(string(said), test.want) {
				t.Errorf("exit code %d after %d questions, log %q; want %q", code, asked, said, test.want)
			}
		})
	}
}
