package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

const someSHA = "3f2c1aa09d1e4b5c6d7e8f90a1b2c3d4e5f60718"

func stamp(t *testing.T, value string) {
	t.Helper()
	before := version
	version = value
	t.Cleanup(func() { version = before })
}

func TestCommandLine(t *testing.T) {
	for name, test := range map[string]struct {
		version string
		args    []string
		env     map[string]string
		code    int
		out     string
		errs    string
	}{
		"prints its version":           {someSHA, []string{"version"}, nil, exitOK, someSHA + "\n", ""},
		"of uncommitted changes":       {someSHA + "-dirty-0123456789ab", []string{"version"}, nil, exitOK, someSHA + "-dirty-0123456789ab\n", ""},
		"prints that it is unstamped":  {"development", []string{"version"}, nil, exitOK, "development\n", ""},
		"an empty stamp":               {"", []string{"version"}, nil, exitFailed, "", "built without a version"},
		"a short stamp":                {"3f2c1aa", []string{"version"}, nil, exitFailed, "", `RELEASE_VERSION="3f2c1aa"`},
		"does not serve unversioned":   {"", nil, nil, exitFailed, "", "built without a version"},
		"an unknown command":           {someSHA, []string{"server"}, nil, exitUsage, "", `does not know ["server"]`},
		"too many arguments":           {someSHA, []string{"version", "please"}, nil, exitUsage, "", "usage:"},
		"a health path that is none":   {someSHA, nil, map[string]string{"RELEASE_HEALTH_PATH": "x"}, exitUsage, "", `RELEASE_HEALTH_PATH="x" is not a path`},
		"a port that is none":          {someSHA, nil, map[string]string{"PORT": "http"}, exitUsage, "", `PORT="http" is not a port`},
		"a port that is none, probing": {someSHA, []string{"healthcheck"}, map[string]string{"PORT": "-1"}, exitUsage, "", `PORT="-1"`},
	} {
		t.Run(name, func(t *testing.T) {
			stamp(t, test.version)
			var out, errs bytes.Buffer
			code := run(context.Background(), test.args, environment(test.env), &out, &errs)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if out.String() != test.out {
				t.Errorf("printed %q, want %q", out.String(), test.out)
			}
			if !strings.Contains(errs.String(), test.errs) || (test.errs == "" && errs.Len() > 0) {
				t.Errorf("complained %q, want %q", errs.String(), test.errs)
			}
		})
	}
}
