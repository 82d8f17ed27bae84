// Package chart checks deploy/chart: what it renders is validated as an API server does it, with the definitions of OpenShift and of
// the Prometheus operator, and its pod is run as a kubelet does it.
//
// `make chart-check` sets HELM, EXPORTER and PROMTOOL, the programs that it needs.
package chart
