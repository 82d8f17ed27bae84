package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/desktop"
)

// watch shows findings on the desktop of the session that it runs in, until the context ends.
func watch(ctx context.Context, o *options, stderr io.Writer) int {
	logger, _ := newLogger(stderr, o.logFormat, o.logLevel)
	bus, err := desktop.SessionBus(os.Getenv)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", programName, err)
		return exitFailure
	}
	desktop.New(desktop.Options{URL: o.watchURL, Bus: bus, Every: o.watchEvery, Warnings: o.watchWarnings, Now: time.Now, Logger: logger}).Run(ctx)
	return exitOK
}
