// Package e2e holds the tests on the real thing: the built exporter on this
// host, Prometheus, Alertmanager, a browser and a harmless replica of an
// infection. `make e2e` builds what they need and runs them.
package e2e
