package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 15 * time.Second
	// idleTimeout is longer than the 60 s after which an Application Load Balancer closes an idle connection:
	// whoever closes first must not be the side that still gets requests.
	idleTimeout = 75 * time.Second
	// maxHeaderBytes is a quarter of what an Application Load Balancer lets through: nothing here reads a long header.
	maxHeaderBytes = 16 << 10
)

// serve answers requests until ctx ends, then drains: the health check fails while requests are still served for the
// drain delay, then no new connections, and the requests under way get their answers.
func serve(ctx context.Context, config Config, log *slog.Logger) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(config.Port)))
	if err != nil {
		return fmt.Errorf("cannot listen on port %d: %w", config.Port, err)
	}
	return serveOn(ctx, listener, config, log)
}

func serveOn(ctx context.Context, listener net.Listener, config Config, log *slog.Logger) error {
	task := ""
	if config.MetadataURI != "" {
		var err error
		if task, err = readTaskID(ctx, config.MetadataURI); err != nil {
			log.Warn("the health check does not say which task answers", "error", err.Error())
		}
	}
	health := NewHealth(version, task, time.Now)
	server := &http.Server{
		Handler:           newHandler(health, config, log),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	health.Ready()
	log.Info("serving", "address", listener.Addr().String())

	select {
	case err := <-ended:
		return fmt.Errorf("the server ended by itself: %w", err)
	case <-ctx.Done():
	}
	health.Drain()
	log.Info("draining", "delay", config.DrainDelay.String(), "deadline", shutdownDeadline.String())
	time.Sleep(config.DrainDelay)

	deadline, cancel := context.WithTimeout(context.Background(), shutdownDeadline)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		return fmt.Errorf("requests were still under way %s after the drain: %w", shutdownDeadline, err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	log.Info("stopped")
	return nil
}
