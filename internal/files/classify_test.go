package files

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	foreign := []byte(elfFile(executable, ""))
	foreign[5] = 2 // claims to be big-endian; Linux runs it all the same
	late := []byte(interpretedELF(binary.LittleEndian, 64))
	binary.LittleEndian.PutUint64(late[32:], 1<<63)
	for name, test := range map[string]struct {
		head string
		want kind
	}{
		"empty":                         {"", kindOther},
		"text":                          {"some text", kindOther},
		"script":                        {"#!/bin/sh\n", kindScript},
		"magic only":                    {"\x7fELF", kindOther},
		"executable":                    {elfFile(executable, ""), kindProgram},
		"executable, false byte order":  {string(foreign), kindProgram},
		"relocatable":                   {elfFile(1, ""), kindOther},
		"core":                          {elfFile(4, ""), kindOther},
		"library":                       {elfFile(dynamic, ""), kindDynamic},
		"cut":                           {elfFile(dynamic, "")[:20], kindDynamic},
		"64 bits, little, interpreter":  {interpretedELF(binary.LittleEndian, 64), kindProgram},
		"64 bits, big, interpreter":     {interpretedELF(binary.BigEndian, 64), kindProgram},
		"32 bits, little, interpreter":  {interpretedELF(binary.LittleEndian, 32), kindProgram},
		"32 bits, big, interpreter":     {interpretedELF(binary.BigEndian, 32), kindProgram},
		"program headers far behind it": {string(late), kindDynamic},
	} {
		if got := classify([]byte(test.head)); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

// TestClassifyRealProgram reads what the linker really writes.
func TestClassifyRealProgram(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"/proc/self/exe", "/bin/sh"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := classify(content[:headBytes]); got != kindProgram {
			t.Errorf("%s is of kind %d", name, got)
		}
	}
}

func TestIsHidden(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		".x": true, "...": true, ".. ": true, " ": true, "\t": true, "\n": true, "\u00a0": true, "\u200b": true,
		".X11-unix": true, "x": false, "x.": false, " x": false, "a.b": false, "\xff": false,
	} {
		if got := place.IsHiddenName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func FuzzClassify(f *testing.F) {
	for _, seed := range []string{
		"", "#!", "\x7fELF", elfFile(executable, ""), elfFile(dynamic, ""),
		interpretedELF(binary.LittleEndian, 64), interpretedELF(binary.BigEndian, 32),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		got := classify(head)
		isELF, isScript := strings.HasPrefix(string(head), "\x7fELF"), strings.HasPrefix(string(head), "#!")
		if (got == kindProgram || got == kindDynamic) && !isELF || (got == kindScript) != isScript {
			t.Errorf("%q is of kind %d", head, got)
		}
		if got == kindProgram && !got.isProgram("x.so", 0) || got == kindScript && got.isProgram("x", 0o777) {
			t.Errorf("kind %d and isProgram disagree", got)
		}
	})
}
