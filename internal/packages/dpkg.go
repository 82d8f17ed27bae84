package packages

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"strings"
)

const (
	dpkgInfo       = "/var/lib/dpkg/info"       // PACKAGE.list and PACKAGE.md5sums: dpkg-query(1), deb-md5sums(5)
	dpkgDistroless = "/var/lib/dpkg/status.d"   // PACKAGE and PACKAGE.md5sums, in images without dpkg
	dpkgDiversions = "/var/lib/dpkg/diversions" // three lines each: from, to, package
	dpkgStatus     = "/var/lib/dpkg/status"
	dpkgLineLimit  = 16 << 20 // of all diversions, in bytes
)

// dpkg is the database of Debian and what descends from it.
type dpkg struct{}

func (dpkg) files() []string { return []string{dpkgStatus, dpkgInfo, dpkgDiversions, dpkgDistroless} }

// owners reads the lists of all packages, and then the sums of those that own
// something. Sums leave out configuration, and what a package's scripts make.
func (d dpkg) owners(l *look, paths *paths) error {
	diverted, err := d.diversions(l)
	if err != nil {
		return err
	}
	names := map[string]bool{} // that a list may have for what is asked
	for name := range paths.asked {
		names[diverted.listed(name)] = true
	}
	lists, err := l.names(dpkgInfo)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, list := range lists {
		if !strings.HasSuffix(list, ".list") {
			continue
		}
		owned, err := d.owned(l, path.Join(dpkgInfo, list), names)
		if err != nil {
			return err
		}
		if len(owned) == 0 {
			continue
		}
		pkg := strings.TrimSuffix(list, ".list")
		sums, err := d.sums(l, path.Join(dpkgInfo, pkg+".md5sums"), names)
		if err != nil {
			return err
		}
		d.add(paths, diverted, pkg, owned, sums)
	}
	return d.distroless(l, paths, diverted, names)
}

// add notes the files of one package.
func (dpkg) add(paths *paths, diverted diversions, pkg string, owned []string, sums map[string]string) {
	name, _, _ := strings.Cut(pkg, ":") // package:architecture
	for _, listed := range owned {
		found := owner{manager: "dpkg", name: name, why: "the package has no sum of it"}
		if sum := newDigest(md5sum, sums[listed]); sum.algorithm != none {
			found.digest, found.why = sum, ""
		}
		paths.add(diverted.installed(listed, name), found)
	}
}

// distroless reads what images without dpkg have: sums alone.
func (d dpkg) distroless(l *look, paths *paths, diverted diversions, names map[string]bool) error {
	lists, err := l.names(dpkgDistroless)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	for _, list := range lists {
		pkg, ok := strings.CutSuffix(list, ".md5sums")
		if !ok {
			continue
		}
		sums, err := d.sums(l, path.Join(dpkgDistroless, list), names)
		if err != nil {
			return err
		}
		var owned []string
		for name := range sums {
			owned = append(owned, name)
		}
		d.add(paths, diverted, pkg, owned, sums)
	}
	return nil
}

// owned returns which of the names a list has.
func (dpkg) owned(l *look, list string, names map[string]bool) (owned []string, err error) {
	err = l.lines(list, func(line []byte) {
		if names[string(line)] { // the compiler makes no copy of it
			owned = append(owned, string(line))
		}
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the package was removed meanwhile
	}
	return owned, err
}

// sums returns the MD5 sums of those of the names that a package has sums of.
// A package without a file of sums has none.
func (dpkg) sums(l *look, name string, names map[string]bool) (map[string]string, error) {
	sums := map[string]string{}
	err := l.lines(name, func(line []byte) {
		sum, file, ok := bytes.Cut(line, []byte("  "))
		if absolute := "/" + string(file); ok && names[absolute] {
			sums[absolute] = string(sum)
		}
	})
	if errors.Is(err, fs.ErrNotExist) {
		return sums, nil
	}
	return sums, err
}

// diversions are files that packages, or whoever looks after the host, have moved aside
// (dpkg-divert(1)).
type diversions struct {
	byFrom, byTo map[string]diversion
}

type diversion struct {
	from, to string
	pkg      string // whose file stays at from; ":" for a local diversion, of which that is nobody's
}

func (dpkg) diversions(l *look) (diversions, error) {
	all := diversions{byFrom: map[string]diversion{}, byTo: map[string]diversion{}}
	content, err := l.read(dpkgDiversions, dpkgLineLimit)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return all, nil
		}
		return all, err
	}
	lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	for ; len(lines) >= 3; lines = lines[3:] {
		d := diversion{from: lines[0], to: lines[1], pkg: lines[2]}
		all.byFrom[d.from], all.byTo[d.to] = d, d
	}
	return all, nil
}

// listed is the name under which packages list the file that lies at a path.
func (d diversions) listed(name string) string {
	if moved, ok := d.byTo[name]; ok {
		return moved.from
	}
	return name
}

// installed is where the file lies that a package lists under a name.
func (d diversions) installed(name, pkg string) string {
	if moved, ok := d.byFrom[name]; ok && moved.pkg != pkg {
		return moved.to
	}
	return name
}
