package hostfs

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/fingerprint"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// zeros never ends.
type zeros struct{ read int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read += int64(len(p))
	return len(p), nil
}

func TestReadContent(t *testing.T) {
	t.Parallel()
	matcher := fingerprint.NewMatcher()
	got, err := ReadContent(strings.NewReader("abc"), 3, matcher)
	want := Content{SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	endless := &zeros{}
	first, err := ReadContent(endless, 10<<30, matcher)
	if err != nil || endless.read > HashLimit+(1<<20) {
		t.Errorf("read %d bytes, %v", endless.read, err)
	}
	second, err := ReadContent(&zeros{}, 11<<30, matcher)
	if err != nil || first.SHA256 == second.SHA256 {
		t.Errorf("two sizes became one: %v, %v", first, err)
	}
	if _, err := ReadContent(iotest.ErrReader(io.ErrClosedPipe), 1, matcher); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

// TestContentFacts: words say something of a program, and nothing of a text about miners;
// constants are no text.
func TestContentFacts(t *testing.T) {
	t.Parallel()
	matcher := fingerprint.NewMatcher()
	program := string(elfFile{kind: elf.ET_DYN}.bytes())
	constants := ""
	for _, constant := range []uint64{9298411001130361340, 12065312585734608966, 9306329213124626780, 5281919268842080866, 10536153434571861004} {
		constants += string(binary.LittleEndian.AppendUint64([]byte{0x48, 0xb8}, constant))
	}
	const words, node = "mining.submit\x00mining.notify\x00--donate-level\x00", "rct_signatures rctsig_prunable ecdhInfo"
	for name, test := range map[string]struct {
		content string
		want    model.ContentFacts
		mines   bool
	}{
		"a miner":              {program + words + constants, model.ContentFacts{RandomX: true, MinerWords: []string{"mining.submit", "mining.notify", "donate-level"}}, true},
		"two words":            {program + words[:28], model.ContentFacts{}, false},
		"rules of a scanner":   {words + node, model.ContentFacts{}, false},
		"code, without a head": {constants, model.ContentFacts{RandomX: true}, true},
		"four constants":       {program + constants[10:], model.ContentFacts{}, false},
		"a node":               {program + node + constants, model.ContentFacts{RandomX: true, Node: true}, false},
	} {
		got, err := ReadContent(iotest.HalfReader(strings.NewReader(test.content)), int64(len(test.content)), matcher)
		if diff := cmp.Diff(test.want, got.Facts); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
		if got.Facts.Mines() != test.mines {
			t.Errorf("%s: mines %v", name, got.Facts.Mines())
		}
	}
}
