// Command backend answers the EASi API.
//
//	backend               serves until SIGTERM or SIGINT, then drains
//	backend healthcheck   asks the server in the same container whether it is healthy: exit 0 if it is
//	backend version       prints the version this binary was stamped with: exit 1 if that is no version
//
// Settings are read from the environment: see config.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

// version is stamped by the linker: -ldflags "-X main.version=<full Git SHA>".
// A binary that nobody stamped, as `go run .` makes, says so; one that was stamped with nothing does not start.
var version = "development"

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const usage = `usage: backend [healthcheck | version]
  (no argument)  serve the API until SIGTERM
  healthcheck    exit 0 if the server on this host says that it is healthy; in a rehearsal, as often as it has to
  version        print the version this binary was built as
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	// The first signal starts the drain; from then on signals have their default effect, so that a second one ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

// run is the whole program but for the process around it. Logs go to out, complaints to the person who started it to errs.
func run(ctx context.Context, args []string, env lookup, out, errs io.Writer) int {
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	if len(args) > 1 || (command != "" && command != "healthcheck" && command != "version") {
		fmt.Fprintf(errs, "backend: does not know %q\n%s", args, usage)
		return exitUsage
	}
	if command == "version" {
		return printVersion(out, errs)
	}
	config, err := readConfig(env)
	if err != nil {
		fmt.Fprintf(errs, "backend: %v\n", err)
		return exitUsage
	}
	if command == "healthcheck" {
		return checkHealth(ctx, config, errs)
	}
	if err := checkVersion(version); err != nil {
		fmt.Fprintf(errs, "backend: %v\n", err)
		return exitFailed
	}
	log := slog.New(slog.NewJSONHandler(out, nil)).With("version", version)
	if err := serve(ctx, config, log); err != nil {
		log.Error("stopped", "error", err.Error())
		return exitFailed
	}
	return exitOK
}

func printVersion(out, errs io.Writer) int {
	if err := checkVersion(version); err != nil {
		fmt.Fprintf(errs, "backend: %v\n", err)
		return exitFailed
	}
	fmt.Fprintln(out, version)
	return exitOK
}

// A commit, or a build of changes that are in none: <sha>-dirty-<12 digits of their content>.
var fullVersion = regexp.MustCompile(`^[0-9a-f]{40}(-dirty-[0-9a-f]{12})?$`)

// checkVersion refuses a stamp that could not be compared with a commit.
func checkVersion(stamp string) error {
	if stamp == "" {
		return errors.New("built without a version: give the build RELEASE_VERSION, the full Git SHA " +
			"(docker build --build-arg RELEASE_VERSION=$(git rev-parse HEAD))")
	}
	if stamp != "development" && !fullVersion.MatchString(stamp) {
		return fmt.Errorf("built with RELEASE_VERSION=%q: expected a full Git SHA, 40 hexadecimal digits in lower case "+
			"(git rev-parse HEAD), or for a build of uncommitted changes <sha>-dirty-<12 digits>", stamp)
	}
	return nil
}
