package main

import (
	"strings"
	"testing"
	"time"
)

func environment(pairs map[string]string) lookup {
	return func(name string) (string, bool) {
		value, set := pairs[name]
		return value, set
	}
}

func TestConfigIsReadFromTheEnvironment(t *testing.T) {
	for name, test := range map[string]struct {
		env  map[string]string
		want Config
	}{
		"nothing set": {nil, Config{Port: 8080, HealthPath: defaultHealthPath, Environment: "development", DrainDelay: 2 * time.Second}},
		"all set": {
			map[string]string{"PORT": "9000", "RELEASE_ENVIRONMENT": "impl", "DRAIN_DELAY": "500ms", "RELEASE_HEALTH_PATH": "/health"},
			Config{Port: 9000, HealthPath: "/health", Environment: "impl", DrainDelay: 500 * time.Millisecond},
		},
		"an empty environment name": {map[string]string{"RELEASE_ENVIRONMENT": ""}, Config{Port: 8080, HealthPath: defaultHealthPath, Environment: "development", DrainDelay: 2 * time.Second}},
		"a rehearsal": {
			map[string]string{"RELEASE_REHEARSAL": "3", "RELEASE_REHEARSAL_VERSION": someSHA},
			Config{Port: 8080, HealthPath: defaultHealthPath, Environment: "development", DrainDelay: 2 * time.Second,
				Rehearsal: 3, RehearsalVersion: someSHA},
		},
		"no delay":          {map[string]string{"DRAIN_DELAY": "0s"}, Config{Port: 8080, HealthPath: defaultHealthPath, Environment: "development"}},
		"the longest delay": {map[string]string{"DRAIN_DELAY": "8s"}, Config{Port: 8080, HealthPath: defaultHealthPath, Environment: "development", DrainDelay: 8 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readConfig(environment(test.env))
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestConfigThatCannotBeIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		env  map[string]string
		want string
	}{
		"a word for a port":    {map[string]string{"PORT": "http"}, `PORT="http" is not a port: expected a number from 1 to 65535`},
		"an empty port":        {map[string]string{"PORT": ""}, `PORT=""`},
		"port zero":            {map[string]string{"PORT": "0"}, `PORT="0"`},
		"a port too high":      {map[string]string{"PORT": "65536"}, `PORT="65536"`},
		"a delay in no unit":   {map[string]string{"DRAIN_DELAY": "2"}, `DRAIN_DELAY="2" is not a delay: expected a duration from 0s to 8s`},
		"a negative delay":     {map[string]string{"DRAIN_DELAY": "-1s"}, `DRAIN_DELAY="-1s"`},
		"a rehearsal of none":  {map[string]string{"RELEASE_REHEARSAL": "0"}, `RELEASE_REHEARSAL="0" is not a number of checks`},
		"a delay for too long": {map[string]string{"DRAIN_DELAY": "9s"}, `DRAIN_DELAY="9s"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readConfig(environment(test.env))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestDrainFitsIntoTheStopTimeout(t *testing.T) {
	const ecsStopTimeout = 30 * time.Second
	if maxDrainDelay+shutdownDeadline >= ecsStopTimeout {
		t.Errorf("a drain takes up to %s, which is not below the %s after which the container is killed",
			maxDrainDelay+shutdownDeadline, ecsStopTimeout)
	}
}
