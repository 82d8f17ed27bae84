// Package chart checks deploy/chart: what it renders is decoded strictly by the types of Kubernetes, OpenShift and
// the Prometheus operator, and what it runs is run.
//
// `make chart-check` sets HELM, EXPORTER and PROMTOOL, the programs that it needs.
package chart
