"""A backend that misbehaves as its environment tells it: one image for all cases, from nothing but a binary."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import docker

VERSION_VARIABLE, MODE_VARIABLE = "FAULTS_VERSION", "FAULTS_MODE"
PROGRAM = """
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"
)

const ready = "http://127.0.0.1:8080/ready"

func main() {
	mode, version := os.Getenv("FAULTS_MODE"), os.Getenv("FAULTS_VERSION")
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	switch command {
	case "healthcheck":
		answer, err := http.Get(ready)
		if err != nil || answer.StatusCode != 200 {
			os.Exit(1)
		}
		return
	case "migrate":
		fmt.Println("migrating to", version)
		time.Sleep(time.Second)
		fmt.Println("migrated")
		return
	case "migrate-fail":
		fmt.Println("migrating to", version)
		fmt.Println("relation systems does not exist")
		os.Exit(3)
	case "migrate-hang":
		fmt.Println("waiting for a lock on table systems")
		time.Sleep(time.Hour)
	}
	fmt.Println("starting", version, mode)
	switch mode {
	case "crash":
		fmt.Println("cannot open the database")
		os.Exit(3)
	case "panics":
		debug.SetTraceback("all")
		for range 300 {
			go func() { time.Sleep(time.Hour) }()
		}
		time.Sleep(100 * time.Millisecond)
		panic("cannot reach the database: postgres://easi:Winter@2026!@db.internal:5432/easi")
	case "crash-late":
		go func() {
			time.Sleep(4 * time.Second)
			fmt.Println("lost the database")
			os.Exit(4)
		}()
	case "silent":
		time.Sleep(time.Hour)
	}
	var task struct{ TaskARN string }
	if answer, err := http.Get(os.Getenv("ECS_CONTAINER_METADATA_URI_V4") + "/task"); err == nil {
		json.NewDecoder(answer.Body).Decode(&task)
	}
	var answered atomic.Int64
	http.HandleFunc("/ready", func(w http.ResponseWriter, r *http.Request) {})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		says, status, code := version, "pass", 200
		visitor := r.URL.Query().Encode() != ""
		switch {
		case mode == "broken":
			w.WriteHeader(500)
			fmt.Fprintln(w, "database is gone")
			return
		case mode == "other":
			says = "0123456789012345678901234567890123456789"
		case mode == "fail":
			status = "fail"
		case mode == "sometimes" && visitor && answered.Add(1)%3 != 0:
			status, code = "fail", 503
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Task-Id", path.Base(task.TaskARN))
		if code != 200 {
			w.WriteHeader(code)
		}
		now := time.Now().UTC()
		fmt.Fprintf(w, `{"status":%q,"datetime":%q,"version":%q,"timestamp":"%d"}`,
			status, now.Format("2006-01-02 15:04:05-07:00"), says, now.Unix())
	})
	server := &http.Server{Addr: ":8080"}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go func() { <-ended; time.Sleep(time.Second); server.Close() }()
	fmt.Println(server.ListenAndServe())
}
"""
"""Modes: good, crash, panics (above the stacks of 300 goroutines), crash-late (after 4 s), silent (never listens),
broken (500), other (another version), fail (status fail), sometimes (right once in three: to visitors, whose questions
a query keeps from caches; the load balancer is content). Commands: migrate, migrate-fail, migrate-hang, and the
container's healthcheck."""


def build(engine: docker.DockerClient, folder: Path, repository: str) -> str:
    """Build the image and push it to `repository`; its reference by digest."""
    (folder / "main.go").write_text(PROGRAM)
    subprocess.run(
        ["go", "build", "-trimpath", "-o", "backend", "main.go"],
        cwd=folder,
        env={**os.environ, "CGO_ENABLED": "0", "GOOS": "linux", "GOFLAGS": "-mod=mod", "GO111MODULE": "off"},
        check=True,
    )
    (folder / "Dockerfile").write_text(
        'FROM scratch\nCOPY backend /backend\nUSER 65532:65532\nENTRYPOINT ["/backend"]\n'
    )
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name in ("Dockerfile", "backend"):
            archive.add(folder / name, arcname=name)
    context.seek(0)
    tag = f"{repository}:faults"
    engine.images.build(fileobj=context, custom_context=True, tag=tag, rm=True)
    for line in engine.images.push(tag, auth_config={"username": "AWS", "password": "test"}, stream=True, decode=True):
        if "error" in line:
            raise RuntimeError(f"{tag} was not pushed: {line['error']}")
        if digest := (line.get("aux") or {}).get("Digest"):
            return f"{repository}@{digest}"
    raise RuntimeError(f"the push of {tag} ended without a digest")
