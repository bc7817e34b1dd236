package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// metadata is an endpoint that answers body to /v4/token/task, and 404 to all else.
func metadata(t *testing.T, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v4/token/task" {
			http.NotFound(w, r)
			return
		}
		w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v4/token"
}

func TestTaskIDIsTheLastPartOfTheARN(t *testing.T) {
	for arn, id := range map[string]string{
		"arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd49d6b527399fd6414f5c": "158d1c8083dd49d6b527399fd6414f5c",
		"arn:aws-us-gov:ecs:us-gov-west-1:111122223333:task/0b69d5c0-d655-4695-98cd-5d2d":  "0b69d5c0-d655-4695-98cd-5d2d",
	} {
		got, err := readTaskID(context.Background(), metadata(t, `{"Cluster": "default", "TaskARN": "`+arn+`"}`))
		if err != nil || got != id {
			t.Errorf("%s: got %q, %v", arn, got, err)
		}
	}
}

func TestWhatIsNoTaskHasNoID(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":      "",
		"a page":       "<html>",
		"no ARN":       `{}`,
		"a header":     `{"TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/default/1\r\nX: 1"}`,
		"another kind": `{"TaskARN": "arn:aws:ecs:us-west-2:111122223333:service/default/1"}`,
		"no end":       `{"x": "` + strings.Repeat("x", metadataLimit) + `", "TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/default/1"}`,
	} {
		if id, err := readTaskID(context.Background(), metadata(t, body)); err == nil {
			t.Errorf("%s: got %q", name, id)
		}
	}
	if id, err := readTaskID(context.Background(), metadata(t, "{}")+"/other"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %q, %v", id, err)
	}
}

func TestAnEndpointThatIsSilentDoesNotHoldUpTheStart(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	began := time.Now()
	if id, err := readTaskID(context.Background(), server.URL); err == nil {
		t.Errorf("got %q", id)
	}
	if took := time.Since(began); took > metadataTimeout+time.Second {
		t.Errorf("took %s", took)
	}
}

func TestHealthCheckSaysWhichTaskAnswers(t *testing.T) {
	for task, want := range map[string][]string{"158d1c80": {"158d1c80"}, "": nil} {
		health := NewHealth("development", task, time.Now)
		recorder := httptest.NewRecorder()
		health.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
		if got := recorder.Header().Values(taskHeader); len(got) != len(want) || (len(got) == 1 && got[0] != want[0]) {
			t.Errorf("task %q: got %q, want %q", task, got, want)
		}
	}
}
