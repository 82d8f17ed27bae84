package sockets

import (
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
)

// TestDefaults samples with nothing but a catalogue: no option is missed, also where
// something is logged.
func TestDefaults(t *testing.T) {
	t.Parallel()
	known := newCatalogue(t)
	s := New(Options{Catalogue: func() *catalogue.Catalogue { return known }})
	if s.options.Proc != "/proc" || s.options.Root != "/" || s.options.Interval != defaultInterval || s.Meta() != nil {
		t.Errorf("%+v", s.options)
	}
	s.failures.logOnce("nobody takes it", errLine)
	if err := s.Sample(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if s.Meta() == nil || s.Meta().Interval != defaultInterval {
		t.Errorf("%+v", s.Meta())
	}
}
