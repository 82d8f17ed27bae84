package rpmdb

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testdata/rpmdb.sqlite.gz was written by rpm 4.18: the packages coreutils (/usr/bin/env)
// and tools. testdata/rpmdb.sqlite-wal.gz is a write-ahead log for it, in which SQLite has put a
// third package: tolls.
func unpacked(tb testing.TB, name string) []byte {
	tb.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	reader, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		tb.Fatal(err)
	}
	return content
}

func anyBase([]byte) bool             { return true }
func anyPath(string) bool             { return true }
func readerOf(b []byte) *bytes.Reader { return bytes.NewReader(b) }

// headers gathers what a database has.
func headers(tb testing.TB, read func(do func([]byte) error) error) (all [][]byte) {
	tb.Helper()
	err := read(func(blob []byte) error {
		all = append(all, bytes.Clone(blob))
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// list says what the files of headers are, sorted.
func list(tb testing.TB, blobs [][]byte) string {
	tb.Helper()
	var lines []string
	for _, blob := range blobs {
		pkg, files, err := Files(blob, anyBase, anyPath)
		if err != nil {
			tb.Fatal(err)
		}
		for _, file := range files {
			line := pkg + " " + file.Name + " " + file.Digest[:min(4, len(file.Digest))]
			if file.MayChange {
				line += " may change"
			}
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

const written = `coreutils /usr/bin/env 6383
tools /usr/bin/conf 2d71 may change
tools /usr/bin/ghost  may change
tools /usr/bin/loose 2d71 may change
tools /usr/bin/worker 6fab
tools /usr/sbin/daemon ae44`

func TestSQLite(t *testing.T) {
	t.Parallel()
	file, log := unpacked(t, "rpmdb.sqlite.gz"), unpacked(t, "rpmdb.sqlite-wal.gz")
	read := func(log []byte, base func([]byte) bool) string {
		return list(t, headers(t, func(do func([]byte) error) error {
			return SQLite(readerOf(file), readerOf(log), int64(len(log)), base, do)
		}))
	}
	if got := read(nil, anyBase); got != written {
		t.Errorf("got\n%s\nwant\n%s", got, written)
	}
	if got := read(log, anyBase); !strings.Contains(got, "tolls /usr/bin/walker 6fab") || !strings.Contains(got, "tools /usr/bin/worker 6fab") {
		t.Errorf("with the log:\n%s", got)
	}
	if got := read(log, func(name []byte) bool { return string(name) == "walker" }); strings.Contains(got, "env") || !strings.Contains(got, "walker") {
		t.Errorf("only what has a walker:\n%s", got)
	}
	if got := read(log[:len(log)-1], anyBase); got != written {
		t.Errorf("a transaction that has not ended counts:\n%s", got)
	}
	stale := bytes.Clone(log)
	stale[16]++ // another salt: what follows is left of an older use
	if got := read(stale, anyBase); got != written {
		t.Errorf("what is left of an older log counts:\n%s", got)
	}
}

// ndbOf writes a Packages.db.
func ndbOf(blobs [][]byte) []byte {
	file := make([]byte, ndbPage)
	copy(file, "RpmP")
	binary.LittleEndian.PutUint32(file[12:], 1)
	for i, blob := range blobs {
		slot := file[32+16*i:]
		copy(slot, "Slot")
		binary.LittleEndian.PutUint32(slot[4:], uint32(i+1))
		binary.LittleEndian.PutUint32(slot[8:], uint32(len(file)/16))
		head := make([]byte, 16)
		copy(head, "BlbS")
		binary.LittleEndian.PutUint32(head[4:], uint32(i+1))
		binary.LittleEndian.PutUint32(head[12:], uint32(len(blob)))
		file = append(append(file, head...), blob...)
		file = append(file, make([]byte, 16-len(file)%16)...)
	}
	for i := len(blobs); i < (ndbPage-32)/16; i++ {
		copy(file[32+16*i:], "Slot")
	}
	return file
}

// bdbOf writes a file Packages: one page of a hash, and chains for headers that are longer than
// a third of a page.
func bdbOf(blobs [][]byte, order binary.ByteOrder) []byte {
	const size = 4096
	head, page := make([]byte, size), make([]byte, size)
	order.PutUint32(head[12:], bdbMagic)
	order.PutUint32(head[20:], size)
	head[25], page[25] = 8, bdbHash
	end, entries, chains := size, 0, []byte{}
	item := func(content []byte) {
		end -= len(content)
		copy(page[end:], content)
		order.PutUint16(page[bdbHead+2*entries:], uint16(end))
		entries++
	}
	item([]byte{bdbKeyData, 0, 0, 0, 0})
	item([]byte{bdbKeyData, 9, 0, 0, 0})
	for i, blob := range blobs {
		item([]byte{bdbKeyData, byte(i + 1), 0, 0, 0})
		if len(blob) < size/3 {
			item(append([]byte{bdbKeyData}, blob...))
			continue
		}
		place := make([]byte, 12)
		place[0] = bdbOffPage
		order.PutUint32(place[4:], uint32(2+len(chains)/size))
		order.PutUint32(place[8:], uint32(len(blob)))
		item(place)
		for rest := blob; len(rest) > 0; {
			part := rest[:min(len(rest), 500)]
			rest = rest[len(part):]
			next := make([]byte, size)
			next[25] = bdbOverflow
			order.PutUint16(next[22:], uint16(len(part)))
			if len(rest) > 0 {
				order.PutUint32(next[16:], uint32(3+len(chains)/size))
			}
			copy(next[bdbHead:], part)
			chains = append(chains, next...)
		}
	}
	order.PutUint16(page[20:], uint16(entries))
	order.PutUint32(head[32:], uint32(1+len(chains)/size))
	return slices.Concat(head, page, chains)
}

func blobsOf(tb testing.TB) [][]byte {
	tb.Helper()
	file := unpacked(tb, "rpmdb.sqlite.gz")
	return headers(tb, func(do func([]byte) error) error { return SQLite(readerOf(file), nil, 0, anyBase, do) })
}

func TestNDBAndBDB(t *testing.T) {
	t.Parallel()
	blobs := blobsOf(t)
	blobs = append(blobs, smallHeader())
	want := list(t, blobs)
	for name, read := range map[string]func(do func([]byte) error) error{
		"ndb":             func(do func([]byte) error) error { return NDB(readerOf(ndbOf(blobs)), do) },
		"bdb":             func(do func([]byte) error) error { return BDB(readerOf(bdbOf(blobs, binary.LittleEndian)), do) },
		"bdb, big-endian": func(do func([]byte) error) error { return BDB(readerOf(bdbOf(blobs, binary.BigEndian)), do) },
	} {
		if got := list(t, headers(t, read)); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// smallHeader is that of a package of before 2009: MD5, and a file that another package
// has replaced.
func smallHeader() []byte {
	var index, data []byte
	add := func(tag, kind, count int, content string) {
		for _, number := range []int{tag, kind, len(data), count} {
			index = binary.BigEndian.AppendUint32(index, uint32(number))
		}
		data = append(data, content...)
	}
	add(tagName, 6, 1, "old\x00")
	add(tagBaseNames, 8, 3, "a\x00b\x00c\x00")
	add(tagDirNames, 8, 1, "/usr/bin/\x00")
	add(tagDirIndexes, 4, 3, string(make([]byte, 12)))
	add(tagDigests, 8, 3, "ABCD\x00ffff\x00\x00")
	add(tagStates, 1, 3, "\x00\x01\x00")
	head := binary.BigEndian.AppendUint32(nil, uint32(len(index)/16))
	head = binary.BigEndian.AppendUint32(head, uint32(len(data)))
	return slices.Concat(head, index, data)
}

func TestFiles(t *testing.T) {
	t.Parallel()
	pkg, files, err := Files(smallHeader(), anyBase, func(name string) bool { return name != "/usr/bin/c" })
	if err != nil || pkg != "old" || len(files) != 1 || files[0] != (File{Name: "/usr/bin/a", Digest: "abcd", Algorithm: 1}) {
		t.Errorf("got %s %+v, %v", pkg, files, err)
	}
	blob := smallHeader()
	blob[3]++
	if _, _, err := Files(blob, anyBase, anyPath); err != nil && !errors.Is(err, errFormat) {
		t.Errorf("got %v", err)
	}
}

// TestMalformed: a database that ends early, or is none, is an error.
func TestMalformed(t *testing.T) {
	t.Parallel()
	blobs := blobsOf(t)
	none := func([]byte) error { return nil }
	sqlite := unpacked(t, "rpmdb.sqlite.gz")
	for _, content := range [][]byte{nil, make([]byte, 8192), sqlite[:5000], ndbOf(blobs)[:4100], bdbOf(blobs, binary.LittleEndian)[:6000]} {
		for name, err := range map[string]error{
			"sqlite": SQLite(readerOf(content), nil, 0, anyBase, none), "ndb": NDB(readerOf(content), none), "bdb": BDB(readerOf(content), none),
		} {
			if !errors.Is(err, errFormat) {
				t.Errorf("%s of %d bytes: %v", name, len(content), err)
			}
		}
	}
}

// bounded fails once more was read than any of these files has, many times over.
type bounded struct {
	*bytes.Reader
	left int
}

var errBound = errors.New("too much was read")

func (b *bounded) ReadAt(p []byte, at int64) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errBound
	}
	return b.Reader.ReadAt(p, at)
}

func FuzzSQLite(f *testing.F) {
	f.Add(unpacked(f, "rpmdb.sqlite.gz"), unpacked(f, "rpmdb.sqlite-wal.gz"))
	f.Add([]byte("SQLite format 3\x00\x10\x00"), []byte{})
	f.Fuzz(func(t *testing.T, file, log []byte) {
		_ = SQLite(&bounded{bytes.NewReader(file), 1 << 22}, &bounded{bytes.NewReader(log), 1 << 22}, int64(len(log)), anyBase, func(blob []byte) error {
			_, _, _ = Files(blob, anyBase, anyPath)
			return nil
		})
	})
}

func FuzzNDB(f *testing.F) {
	f.Add(ndbOf(blobsOf(f)))
	f.Fuzz(func(t *testing.T, file []byte) {
		_ = NDB(&bounded{bytes.NewReader(file), 1 << 22}, func(blob []byte) error {
			_, _, _ = Files(blob, anyBase, anyPath)
			return nil
		})
	})
}

func FuzzBDB(f *testing.F) {
	f.Add(bdbOf(blobsOf(f), binary.LittleEndian))
	f.Add(bdbOf(blobsOf(f), binary.BigEndian))
	f.Fuzz(func(t *testing.T, file []byte) {
		_ = BDB(&bounded{bytes.NewReader(file), 1 << 22}, func(blob []byte) error {
			_, _, _ = Files(blob, anyBase, anyPath)
			return nil
		})
	})
}

func FuzzFiles(f *testing.F) {
	f.Add(smallHeader())
	f.Add(blobsOf(f)[0])
	f.Fuzz(func(t *testing.T, blob []byte) {
		_, files, _ := Files(blob, anyBase, anyPath)
		if len(files) > len(blob) {
			t.Errorf("%d files in %d bytes", len(files), len(blob))
		}
	})
}
