// Package compose checks deploy/compose: what Docker Compose's own parser reads of it, that everything it mounts is there,
// and what it runs, without a container engine.
//
// `make compose-check` sets EXPORTER, PROMETHEUS and ALERTMANAGER, the programs that it needs.
package compose
