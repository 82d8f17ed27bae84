package config

import (
	"reflect"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/contracttest"
)

// TestContract: every key of the configuration.
func TestContract(t *testing.T) {
	t.Parallel()
	contracttest.Check(t, "../../docs/contract.txt", "configuration", contracttest.Fields("yaml", reflect.TypeFor[document]()))
}
