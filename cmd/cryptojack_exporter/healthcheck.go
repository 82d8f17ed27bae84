package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/web"
)

const healthTime = 5 * time.Second // for all addresses; a container's engine waits for 30 s

// healthcheck asks the exporter that serves on this host whether it does, for the engine of its container. It needs no
// privileges, and no shell around it.
func healthcheck(ctx context.Context, o *options, stdout, stderr io.Writer) int {
	ctx, stop := context.WithTimeout(ctx, healthTime)
	defer stop()
	asked := ""
	for _, address := range *o.web.WebListenAddresses {
		where, err := web.AskHealth(ctx, address)
		if err != nil {
			fmt.Fprintf(stderr, "%s: unhealthy: %v\n", programName, err)
			return exitFailure
		}
		asked += " " + where
	}
	fmt.Fprintf(stdout, "healthy:%s\n", asked)
	return exitOK
}
