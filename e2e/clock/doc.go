// Package clock has a test that sets the clock of the machine while the exporter runs on it. It only does so in a
// virtual machine of its own: see scripts/test-kernels.
package clock
