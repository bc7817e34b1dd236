package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"
)

const (
	// taskHeader says in each answer of the health check which task gave it.
	taskHeader = "X-Task-Id"

	metadataTimeout = 2 * time.Second
	metadataLimit   = 1 << 20
)

// taskARN is the ARN of a task, whose last part is the id; the short format has no cluster in it ("Amazon ECS resources and IDs").
var taskARN = regexp.MustCompile(`^arn:[^\s:]+:ecs:[^\s:]+:[0-9]+:task/(?:[A-Za-z0-9_-]+/)?([A-Za-z0-9-]{1,64})$`)

// readTaskID asks ECS for the id of the task that this process runs in.
// See "Amazon ECS task metadata endpoint version 4": endpoint is ECS_CONTAINER_METADATA_URI_V4, which ECS sets.
func readTaskID(ctx context.Context, endpoint string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/task", nil)
	if err != nil {
		return "", err
	}
	// A transport of its own: the endpoint belongs to this host, and no proxy from the environment reaches it.
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s", request.URL, response.Status)
	}
	var task struct{ TaskARN string }
	if err := json.NewDecoder(io.LimitReader(response.Body, metadataLimit)).Decode(&task); err != nil {
		return "", fmt.Errorf("%s answered no readable JSON: %w", request.URL, err)
	}
	parts := taskARN.FindStringSubmatch(task.TaskARN)
	if parts == nil {
		return "", fmt.Errorf("%s answered TaskARN %q, which is no ARN of a task", request.URL, task.TaskARN)
	}
	return parts[1], nil
}
