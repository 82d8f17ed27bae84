//go:build tools

package e2e

// These are built by `make e2e` with the tag remove_all_sd, which leaves out
// service discovery and its hundreds of modules. So `go mod tidy`, which knows
// no tags, wants more modules than are needed: edit go.mod with `go get`.
import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
