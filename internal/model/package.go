package model

import "time"

// PackageState is what the package managers of the host know of a program's file.
type PackageState string

// The states.
const (
	PackageUnknown   PackageState = ""          // nobody could tell; PackageFact.Why says why
	PackageUnaltered PackageState = "unaltered" // a package's, with the content that the package has
	PackageUnchecked PackageState = "unchecked" // a package's; what content it should have is not known
	PackageAltered   PackageState = "altered"   // a package's, with other content
	PackageUnowned   PackageState = "unowned"   // no package's
)

// PackageFact is whose file a program is.
type PackageFact struct {
	State      PackageState
	Manager    string    // dpkg, rpm, pacman or apk; "" unless it is a package's
	Name       string    // of the package, raw; "" unless it is a package's
	Why        string    // why the state is unknown or unchecked, words for a sentence
	Changed    time.Time // of the file: its ctime, which nobody can set back; zero if unknown
	LastChange time.Time // of the packages of the host; zero if unknown, or if ctimes say nothing there
}

// packageSlack is for how long the scripts of packages go on after the database was
// written.
const packageSlack = time.Minute

// AfterLastChange tells whether the file came, or was changed, after packages were
// last installed or removed: no package manager did that.
func (f *PackageFact) AfterLastChange() bool {
	return !f.Changed.IsZero() && !f.LastChange.IsZero() && f.Changed.After(f.LastChange.Add(packageSlack))
}

// ProgramFile is a program that processes run, by the name that the kernel shows.
type ProgramFile struct {
	Path string
	File FileID
}

// PackageSnapshot is what was last found out. It is never changed after it was
// published.
type PackageSnapshot struct {
	Time     time.Time
	Programs map[ProgramFile]PackageFact // of the programs that were asked about; at most 256
}

// Of returns the fact about what a process runs; false if nobody has asked. It may be
// asked of nil, the snapshot before the first.
func (s *PackageSnapshot) Of(p *Process) (PackageFact, bool) {
	if s == nil || p.Inspection == nil {
		return PackageFact{}, false
	}
	fact, ok := s.Programs[ProgramFile{p.Exe, p.ExeFile}]
	return fact, ok
}
