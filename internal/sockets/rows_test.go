package sockets

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestParseTable(t *testing.T) {
	t.Parallel()
	udp6 := "00000000000000000000000001000000" // ::1
	mapped := "0000000000000000FFFF00000100007F"
	link := "000080FE00000000FF005450B6AD1DFE" // fe80::5054:ff:fe1d:adb6
	for _, test := range []struct {
		name     string
		protocol model.Protocol
		content  string
		want     []model.Socket
		bad      int
		err      error
	}{
		{"one of each kind of IPv6", model.UDP, header + line(udp6, 53, 0, 0x07, 1) + line(mapped, 54, 0, 0x07, 2) + line(link, 546, 0, 0x07, 3), []model.Socket{
			{Protocol: model.UDP, Address: "::1", Port: 53, Scope: model.ScopeLoopback, Inode: 1},
			{Protocol: model.UDP, Address: "127.0.0.1", Port: 54, Scope: model.ScopeLoopback, Inode: 2},
			{Protocol: model.UDP, Address: "fe80::5054:ff:fe1d:adb6", Port: 546, Scope: model.ScopePrivate, Inode: 3},
		}, 0, nil},
		{"connected UDP", model.UDP, header + line("0100007F", 53, 53, 0x01, 1) + line("0100007F", 54, 54, 0x07, 1), nil, 0, nil},
		{"connections", model.TCP, header + line("0100007F", 53, 53, 0x01, 1) + line("0100007F", 53, 53, 0x06, 0), nil, 0, nil},
		{"no line end", model.TCP, header + strings.TrimSpace(line("0100007F", 22, 0, 0x0a, 7)), []model.Socket{{Protocol: model.TCP, Address: "127.0.0.1", Port: 22, Scope: model.ScopeLoopback, Inode: 7}}, 0, nil},
		{"nothing listens", model.TCP, header, nil, 0, nil},
		{"no header", model.TCP, "", nil, 0, errEmpty},
		{"garbage alone", model.TCP, header + "\xff\x00\n\n   \n", nil, 3, errEmpty},
		{"a line longer than the buffer", model.TCP, header + strings.Repeat("x", 3*lineLimit) + "\n" + line("0100007F", 22, 0, 0x0a, 7), []model.Socket{{Protocol: model.TCP, Address: "127.0.0.1", Port: 22, Scope: model.ScopeLoopback, Inode: 7}}, 1, nil},
		{"hostile fields", model.TCP, header + line("0100007F", 1, 1, 0x01, 1) +
			"0: 0100007F:0016 00000000:0000 0A\n" + // ends early
			"0: 0100007:0016 00000000:0000 0A a b c d e 7\n" +
			"0: 0100007F:16 00000000:0000 0A a b c d e 7\n" +
			"0: 0100007F:001G 00000000:0000 0A a b c d e 7\n" +
			"0: ZZ00007F:0016 00000000:0000 0A a b c d e 7\n" +
			"0: 0100007F:0016 00000000 0A a b c d e 7\n" +
			"0: 0100007F:0016 00000000:0000 0A a b c d e -7\n" +
			"0: 0100007F:0016 00000000:0000 0A a b c d e 99999999999999999999\n" +
			"0: 0100007F:0016 00000000:0000 xx a b c d e 7\n", nil, 9, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []model.Socket
			bad, err := eachRow(strings.NewReader(test.content), listeners(test.protocol, func(s model.Socket) error {
				got = append(got, s)
				return nil
			}))
			if diff := cmp.Diff(test.want, got); diff != "" || bad != test.bad || !errors.Is(err, test.err) {
				t.Errorf("%d bad lines, want %d; error %v, want %v; %s", bad, test.bad, err, test.err, diff)
			}
		})
	}
}

// flood gives a table of listening sockets that has no end.
type flood struct{ line string }

func (f flood) Read(p []byte) (int, error) { return copy(p, f.line), nil }

func TestParseTableIsBounded(t *testing.T) {
	t.Parallel()
	found := 0
	content := io.MultiReader(strings.NewReader(header), flood{line("0100007F", 22, 0, 0x0a, 7)})
	_, err := eachRow(content, listeners(model.TCP, func(model.Socket) error { found++; return nil }))
	if !errors.Is(err, errMany) || found != maxSockets {
		t.Errorf("%d sockets, error %v", found, err)
	}
}

// FuzzParseTable gives any bytes as a table: it must end, and what it finds must
// make sense.
func FuzzParseTable(f *testing.F) {
	f.Add([]byte(header + line("0100007F", 22, 0, 0x0a, 7)))
	f.Add([]byte(header + line(strings.Repeat("0", 32), 22, 0, 0x07, 7) + "\x00:\n"))
	f.Add([]byte("\n:\n : : 0A"))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, protocol := range model.Protocols() {
			sockets := 0
			bad, err := eachRow(strings.NewReader(string(content)), listeners(protocol, func(s model.Socket) error {
				sockets++
				if s.Protocol != protocol || s.Address == "" || s.Scope == "" {
					t.Errorf("%+v", s)
				}
				return nil
			}))
			if lines := 1 + strings.Count(string(content), "\n"); sockets+bad > lines {
				t.Errorf("%d sockets and %d bad lines of %d", sockets, bad, lines)
			}
			if err != nil && sockets > 0 {
				t.Errorf("%v with %d sockets", err, sockets)
			}
		}
	})
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (a) b (c) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 321 0 0\n"))
	f.Add([]byte(")("))
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, _, err := parseStat(content); err != nil && !errors.Is(err, errStat) {
			t.Error(err)
		}
	})
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	rest := " S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 321 0 0\n"
	for _, name := range []string{"java", ") R 1 (", "\xff\n)", ""} {
		if comm, start, err := parseStat([]byte("7 (" + name + ")" + rest)); comm != name || start != 321 || err != nil {
			t.Errorf("%q: %q %d %v", name, comm, start, err)
		}
	}
	for _, content := range []string{"", "7", ")(", "7 (x) S 1", "7 (x) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 -3 0"} {
		if _, _, err := parseStat([]byte(content)); !errors.Is(err, errStat) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func BenchmarkTable(b *testing.B) {
	content := connections(50_000)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		broken, err := eachRow(strings.NewReader(content), listeners(model.TCP, func(model.Socket) error { return nil }))
		if broken > 0 || err != nil {
			b.Fatal(broken, err)
		}
	}
}

// connections gives a table of established connections and one listener.
func connections(count int) string {
	var table strings.Builder
	table.WriteString(header)
	for i := range count {
		table.WriteString(line("0100007F", uint16(1024+i%60000), 443, 0x01, 1000+i))
	}
	table.WriteString(line("00000000", 80, 0, 0x0a, 11))
	return table.String()
}
