//go:build tools

// Package thanos names the program of Thanos that the end-to-end tests of fleets build.
package thanos

import _ "github.com/thanos-io/thanos/cmd/thanos"
