package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

const (
	defaultPort        = 8080
	defaultHealthPath  = "/api/v1/healthcheck"
	defaultEnvironment = "development"
	defaultDrainDelay  = 2 * time.Second

	// maxDrainDelay and shutdownDeadline together stay below the 30 s that ECS leaves a container between SIGTERM and SIGKILL.
	maxDrainDelay    = 8 * time.Second
	shutdownDeadline = 20 * time.Second
)

// healthPath is a path that is no pattern of net/http.
var healthPath = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)

// Config is what the environment decides.
type Config struct {
	// Port is the TCP port to listen on: PORT, 8080 by default.
	Port int
	// HealthPath is where the health check answers: RELEASE_HEALTH_PATH, /api/v1/healthcheck by default.
	HealthPath string
	// Environment is the name of the environment this backend runs in: RELEASE_ENVIRONMENT.
	Environment string
	// DrainDelay is how long requests are still served after SIGTERM while load balancers learn
	// that this process is going away: DRAIN_DELAY, 2 s by default, 8 s at most.
	DrainDelay time.Duration
	// Rehearsal is how many times in a row the health check has to be right: RELEASE_REHEARSAL, which a release sets in a task
	// that it tries before the service is moved. 0: this is no such task.
	Rehearsal int
	// RehearsalVersion is what each of these answers has to say: RELEASE_REHEARSAL_VERSION.
	RehearsalVersion string
	// MetadataURI is where ECS says which task this is: ECS_CONTAINER_METADATA_URI_V4, which it sets in every container.
	MetadataURI string
}

// lookup has the shape of os.LookupEnv.
type lookup func(name string) (string, bool)

// readConfig returns the settings, or an error that names the variable, its value and what is allowed.
func readConfig(env lookup) (Config, error) {
	config := Config{Port: defaultPort, HealthPath: defaultHealthPath, Environment: defaultEnvironment, DrainDelay: defaultDrainDelay}
	if value, set := env("PORT"); set {
		port, err := strconv.Atoi(value)
		if err != nil || port < 1 || port > 65535 {
			return Config{}, fmt.Errorf("PORT=%q is not a port: expected a number from 1 to 65535", value)
		}
		config.Port = port
	}
	if value, set := env("RELEASE_HEALTH_PATH"); set {
		if !healthPath.MatchString(value) {
			return Config{}, fmt.Errorf("RELEASE_HEALTH_PATH=%q is not a path: expected one as %s is", value, defaultHealthPath)
		}
		config.HealthPath = value
	}
	if value, set := env("RELEASE_ENVIRONMENT"); set && value != "" {
		config.Environment = value
	}
	if value, set := env("ECS_CONTAINER_METADATA_URI_V4"); set {
		config.MetadataURI = value
	}
	if value, set := env("RELEASE_REHEARSAL"); set {
		times, err := strconv.Atoi(value)
		if err != nil || times < 1 {
			return Config{}, fmt.Errorf("RELEASE_REHEARSAL=%q is not a number of checks: expected 1 or more", value)
		}
		config.Rehearsal = times
		config.RehearsalVersion, _ = env("RELEASE_REHEARSAL_VERSION")
	}
	if value, set := env("DRAIN_DELAY"); set {
		delay, err := time.ParseDuration(value)
		if err != nil || delay < 0 || delay > maxDrainDelay {
			return Config{}, fmt.Errorf("DRAIN_DELAY=%q is not a delay: expected a duration from 0s to %s, as in 500ms or 2s",
				value, maxDrainDelay)
		}
		config.DrainDelay = delay
	}
	return config, nil
}
