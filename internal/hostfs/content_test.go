package hostfs

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// zeros never ends.
type zeros struct{ read int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read += int64(len(p))
	return len(p), nil
}

func TestHashContent(t *testing.T) {
	t.Parallel()
	got, err := HashContent(strings.NewReader("abc"), 3)
	if want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	endless := &zeros{}
	first, err := HashContent(endless, 10<<30)
	if err != nil || endless.read > HashLimit+(1<<20) {
		t.Errorf("read %d bytes, %v", endless.read, err)
	}
	second, err := HashContent(&zeros{}, 11<<30)
	if err != nil || first == second {
		t.Errorf("two sizes became one: %s, %v", first, err)
	}
	if _, err := HashContent(iotest.ErrReader(io.ErrClosedPipe), 1); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}
