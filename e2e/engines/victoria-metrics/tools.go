//go:build tools

// Package victoriametrics names the programs of VictoriaMetrics that the end-to-end tests of fleets build.
package victoriametrics

import (
	_ "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics"
	_ "github.com/VictoriaMetrics/VictoriaMetrics/app/vmagent"
	_ "github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert"
)
