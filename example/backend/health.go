package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	probeTimeout = 2 * time.Second

	statusPass = "pass"
	statusFail = "fail"

	// datetimeLayout writes UTC as +00:00, as the health check always has.
	datetimeLayout = "2006-01-02 15:04:05-07:00"
)

// HealthAnswer is the body of the health check: engineers and the release compare version with the commit they deployed.
type HealthAnswer struct {
	Status    string `json:"status"`
	Datetime  string `json:"datetime"`
	Version   string `json:"version"`
	Timestamp string `json:"timestamp"`
}

// Health knows whether this process wants traffic: not before it listens, and not once it drains.
type Health struct {
	version string
	// task is the id of the ECS task that this process runs in; empty outside of ECS.
	task  string
	now   func() time.Time
	phase atomic.Int32
}

const (
	phaseStarting int32 = iota
	phaseReady
	phaseDraining
)

// NewHealth is the health of a process that is not ready yet, in an ECS task or, with an empty id, in none.
func NewHealth(version, task string, now func() time.Time) *Health {
	return &Health{version: version, task: task, now: now}
}

// Ready lets traffic in, unless the process drains already.
func (h *Health) Ready() { h.phase.CompareAndSwap(phaseStarting, phaseReady) }

// Drain turns the health check to fail, for good.
func (h *Health) Drain() { h.phase.Store(phaseDraining) }

// Draining says whether clients should take their next request elsewhere.
func (h *Health) Draining() bool { return h.phase.Load() == phaseDraining }

// Answer is the health check's answer at this moment.
func (h *Health) Answer() HealthAnswer {
	now := h.now().UTC()
	status := statusFail
	if h.phase.Load() == phaseReady {
		status = statusPass
	}
	return HealthAnswer{
		Status:    status,
		Datetime:  now.Format(datetimeLayout),
		Version:   h.version,
		Timestamp: strconv.FormatInt(now.Unix(), 10),
	}
}

func (h *Health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	answer := h.Answer()
	code := http.StatusOK
	if answer.Status != statusPass {
		code = http.StatusServiceUnavailable
	}
	if h.task != "" {
		w.Header().Set(taskHeader, h.task)
	}
	writeJSON(w, code, answer)
}

// checkHealth is the container health check, for an image without curl or a shell. In a rehearsal it asks several times in one run
// and compares the version, and why it fails stands in the container's log, too: ECS keeps no output of a health check.
func checkHealth(ctx context.Context, config Config, errs io.Writer) int {
	// For all questions together: ECS gives one run 3 s.
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	for range max(1, config.Rehearsal) {
		if err := probe(ctx, config.Port, config.HealthPath, config.RehearsalVersion); err != nil {
			fmt.Fprintf(errs, "backend: not healthy: %v\n", err)
			if config.Rehearsal > 0 {
				writeToLog(err)
			}
			return exitFailed
		}
	}
	return exitOK
}

// containerLog is the standard output of the container's first process, which runs as the same user.
var containerLog = "/proc/1/fd/1"

func writeToLog(err error) {
	if log, failed := os.OpenFile(containerLog, os.O_WRONLY|os.O_APPEND, 0); failed == nil {
		defer log.Close()
		slog.New(slog.NewJSONHandler(log, nil)).Error("the health check failed", "error", err.Error())
	}
}

// probe asks the server on this host once for its health at a path. Where version is not empty, the answer has to say it.
func probe(ctx context.Context, port int, path, version string) error {
	url := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// A transport of its own: no proxy from the environment between a container and itself.
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	defer response.Body.Close()
	var answer HealthAnswer
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s answered %s without a readable body: %w", url, response.Status, err)
	}
	if response.StatusCode != http.StatusOK || answer.Status != statusPass {
		return fmt.Errorf("%s answered %s with status %q, not %q", url, response.Status, answer.Status, statusPass)
	}
	if version != "" && answer.Version != version {
		return fmt.Errorf("%s answered with version %q, not %q", url, answer.Version, version)
	}
	return nil
}
