package main

import (
	_ "embed"
	"fmt"
	"io"
	"net"
	"text/template"
	"time"
)

//go:embed drill.txt
var drillText string

// drill prints how to play the incident on one's own host. It runs nothing: only people do.
func drill(o *options, stdout, stderr io.Writer) int {
	page := "The exporter's page"
	if _, port, err := net.SplitHostPort((*o.web.WebListenAddresses)[0]); err == nil && *o.web.WebConfigFile == "" {
		page = "http://" + net.JoinHostPort("localhost", port) + "/"
	}
	err := template.Must(template.New("drill").Parse(drillText)).Execute(stdout, struct{ Page, Hold string }{page, spoken(o.hold)})
	if err != nil {
		fmt.Fprintf(stderr, "%s: the drill could not be written: %v\n", programName, err)
		return exitFailure
	}
	return exitOK
}

// spoken is a duration in words: Go's own form has seconds of minutes that are whole.
func spoken(d time.Duration) string {
	switch {
	case d > 0 && d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d > 0 && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	default:
		return d.String()
	}
}
