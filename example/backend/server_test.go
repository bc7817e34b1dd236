package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// syncBuffer is a log that the server writes while the test reads.
type syncBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (s *syncBuffer) Write(line []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.buffer.Write(line)
}

func (s *syncBuffer) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.buffer.String()
}

func get(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestServerDrains(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	ctx, terminate := context.WithCancel(context.Background())
	defer terminate()
	var logs syncBuffer
	config := Config{HealthPath: defaultHealthPath, Environment: "secret-name", DrainDelay: 500 * time.Millisecond}
	stopped := make(chan error, 1)
	go func() { stopped <- serveOn(ctx, listener, config, slog.New(slog.NewJSONHandler(&logs, nil))) }()

	client := &http.Client{Timeout: 2 * time.Second}
	if code, _ := get(t, client, url+config.HealthPath); code != http.StatusOK {
		t.Fatalf("health check answers %d, want 200", code)
	}
	terminated := time.Now()
	terminate()
	waitFor(t, "a failing health check", func() bool {
		code, body := get(t, client, url+config.HealthPath)
		return code == http.StatusServiceUnavailable && strings.Contains(body, `"status":"fail"`)
	})
	if code, _ := get(t, client, url+systemsPath); code != http.StatusOK {
		t.Errorf("during the drain systems answers %d, want 200", code)
	}
	select {
	case err := <-stopped:
		if err != nil {
			t.Errorf("serve returned %v, want none", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the server did not stop within 5 s")
	}
	if took := time.Since(terminated); took < config.DrainDelay {
		t.Errorf("stopped after %s, before the drain delay of %s", took, config.DrainDelay)
	}
	if _, err := client.Get(url + config.HealthPath); err == nil {
		t.Error("the server still answers after it stopped")
	}
	if strings.Contains(logs.String(), "secret-name") {
		t.Errorf("a value of the environment is in the log: %s", logs.String())
	}
}

func TestPortInUseIsSaid(t *testing.T) {
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	err = serve(context.Background(), Config{Port: port, HealthPath: defaultHealthPath}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "cannot listen on port") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v, want that the port is in use", err)
	}
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("no %s within 5 s", what)
}
