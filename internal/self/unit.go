package self

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	maxUnitFiles = 64 // of the unit, its drop-ins counted
	maxUnitBytes = 64 << 10
	maxUnitNames = 8192 // of one directory of units
	cgroupBytes  = 1 << 16
	maxSettings  = 4 // that are told
)

// unitDirectories are where systemd looks for units, what goes first before the rest
// (systemd.unit(5)).
func unitDirectories() []string {
	return []string{"/etc/systemd/system", "/run/systemd/system", "/run/systemd/transient", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}
}

// crippling are settings by which a unit loses what the exporter needs to see, or what it
// runs. Their names are those of systemd.exec(5), systemd.service(5), systemd.resource-control(5).
func isCrippling(name string) bool {
	switch name {
	case "ExecStart", "ExecCondition", "User", "RootDirectory", "RootImage", "TemporaryFileSystem", "InaccessiblePaths", "BindPaths", "BindReadOnlyPaths",
		"PrivateTmp", "PrivateUsers", "PrivateNetwork", "PrivatePIDs", "ProtectProc", "ProcSubset", "ProtectHome", "CapabilityBoundingSet", "AmbientCapabilities",
		"NetworkNamespacePath", "SystemCallFilter", "RestrictAddressFamilies", "IPAddressDeny", "IPAddressAllow", "SocketBindDeny", "CPUQuota", "AllowedCPUs":
		return true
	}
	return strings.HasPrefix(name, "Condition") || strings.HasPrefix(name, "Assert")
}

// unitState is what starts the exporter, as it is now.
type unitState struct {
	fragment string // the file in force; "" for none
	masked   bool
	enabled  bool
	files    map[string]stamp // the fragment and its drop-ins
	settings map[string]bool  // those that may cripple it, `Name=value`
	runs     bool             // it starts the program that runs
}

// ownUnit is the unit that the exporter runs in, as it was when it was first looked at.
type ownUnit struct {
	name  string
	first unitState
}

// unitName is the unit of the system that a process belongs to, or "".
func unitName(own string) string {
	content, err := hostfs.ReadStart(filepath.Join(own, "cgroup"), cgroupBytes)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) != 3 || (fields[1] != "" && fields[1] != "name=systemd") {
			continue
		}
		for element := range strings.SplitSeq(fields[2], "/") {
			if strings.HasPrefix(element, "user@") {
				break // a user's own manager
			}
			if strings.HasSuffix(element, ".service") && !strings.Contains(element, "\\") {
				return element
			}
		}
	}
	return ""
}

// findUnit returns nil if the exporter runs in no unit of its own, such as by hand.
func findUnit(root, own, program string) *ownUnit {
	name := unitName(own)
	if name == "" {
		return nil
	}
	u := &ownUnit{name: name, first: readUnit(root, name, program)}
	if !u.first.runs { // a unit in which somebody has started it, such as cron's
		return nil
	}
	return u
}

// readUnit reads a unit as systemd would.
func readUnit(root, name, program string) unitState {
	state := unitState{files: map[string]stamp{}, settings: map[string]bool{}}
	host, err := hostfs.OpenRoot(root)
	if err != nil {
		return state
	}
	defer host.Close()
	for _, directory := range unitDirectories() {
		file := path.Join(directory, name)
		if state.fragment == "" {
			state.readFragment(host, root, file, program)
		}
		names, err := hostfs.ReadNames(filepath.Join(root, directory), maxUnitNames)
		if err != nil {
			continue
		}
		for _, entry := range names {
			switch {
			case entry == name+".d", entry == "service.d":
				state.readDropIns(host, root, path.Join(directory, entry), program)
			case strings.HasSuffix(entry, ".wants"), strings.HasSuffix(entry, ".requires"):
				_, err := os.Lstat(filepath.Join(root, directory, entry, name))
				state.enabled = state.enabled || err == nil
			}
		}
	}
	return state
}

func (u *unitState) readFragment(host *hostfs.Root, root, file, program string) {
	if target, err := os.Readlink(filepath.Join(root, file)); err == nil && path.Clean(target) == "/dev/null" {
		u.fragment, u.masked = file, true
		return
	}
	if size, ok := u.read(host, file, program); ok {
		u.fragment, u.masked = file, size == 0
	}
}

func (u *unitState) readDropIns(host *hostfs.Root, root, directory, program string) {
	names, err := hostfs.ReadNames(filepath.Join(root, directory), maxUnitNames)
	if err != nil {
		return
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.HasSuffix(name, ".conf") && len(u.files) < maxUnitFiles {
			u.read(host, path.Join(directory, name), program)
		}
	}
}

// read adds one file.
func (u *unitState) read(host *hostfs.Root, name, program string) (size int64, ok bool) {
	file, err := host.Regular(name)
	if err != nil {
		return 0, false
	}
	defer file.Close()
	stat, err := hostfs.Stat(file)
	if err != nil {
		return 0, false
	}
	u.files[name] = stampOf(&stat)
	content, err := io.ReadAll(io.LimitReader(file, maxUnitBytes))
	if err != nil {
		return stat.Size, true
	}
	options, err := unit.DeserializeOptions(bytes.NewReader(content))
	if err != nil {
		return stat.Size, true
	}
	for _, option := range options {
		if isCrippling(option.Name) && len(u.settings) < maxUnitFiles {
			u.settings[option.Name+"="+option.Value] = true
		}
		u.runs = u.runs || option.Name == "ExecStart" && strings.Contains(option.Value, program)
	}
	return stat.Size, true
}

// change compares the unit with what it was.
func (u *ownUnit) change(root, program string) []model.SelfChange {
	if u == nil {
		return nil
	}
	now := readUnit(root, u.name, program)
	switch {
	case now.masked:
		return []model.SelfChange{{Kind: model.UnitMasked, Subject: u.name, Detail: "The mask is " + text.Label(now.fragment) + "."}}
	case now.fragment == "":
		return []model.SelfChange{{Kind: model.UnitDeleted, Subject: u.name, Detail: "It was " + text.Label(u.first.fragment) + "."}}
	}
	var changes []model.SelfChange
	if u.first.enabled && !now.enabled {
		changes = append(changes, model.SelfChange{Kind: model.UnitDisabled, Subject: u.name})
	}
	if maps.Equal(now.files, u.first.files) {
		return changes
	}
	var files, settings []string
	for name, stamp := range now.files {
		if u.first.files[name] != stamp {
			files = append(files, name)
		}
	}
	for name := range u.first.files {
		if _, still := now.files[name]; !still {
			files = append(files, name)
		}
	}
	for setting := range now.settings {
		if !u.first.settings[setting] {
			settings = append(settings, "sets "+settingName(setting))
		}
	}
	for setting := range u.first.settings {
		if !now.settings[setting] {
			settings = append(settings, "no longer sets "+settingName(setting))
		}
	}
	slices.Sort(files)
	change := model.SelfChange{Kind: model.UnitChanged, Subject: u.name, Detail: "It is " + text.Label(files[0]) + "."}
	if len(settings) > 0 {
		slices.Sort(settings)
		change.Kind = model.UnitCrippled
		change.Detail = "By " + text.Label(files[0]) + " it " + strings.Join(settings[:min(len(settings), maxSettings)], ", ") + "."
	}
	return append(changes, change)
}

// settingName leaves out the value: it may be a command line.
func settingName(setting string) string {
	name, _, _ := strings.Cut(setting, "=")
	return text.Label(name) + "="
}
