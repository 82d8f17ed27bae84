package detect

import (
	"fmt"
	"path"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// notOfPackage holds for a program of the system whose content is not its package's
// (T1554). Outside of the system's directories it is weak: what vendors put into /opt
// often updates itself. A program in a system directory that no package owns, and that
// came after packages were last changed, is weak: people install by hand. It is strong if
// it came while a service ran that strangers may reach, and that the process descends
// from: no login, and none that is known to ask for a password.
func notOfPackage(v *view) (string, strength) {
	p := v.process
	fact, _ := v.snapshot.Packages.Of(p)
	switch {
	case fact.State == model.PackageAltered:
		evidence := fmt.Sprintf("Its file %s belongs to the package %s (%s), and its content is not the one of the package.",
			quote(p.Exe), quote(fact.Name), fact.Manager)
		if p.Origin != model.OriginSystem {
			return evidence, weak
		}
		return evidence, strong
	case fact.State != model.PackageUnowned, p.Origin != model.OriginSystem, !fact.AfterLastChange():
		return "", absent
	}
	evidence := fmt.Sprintf("No package has put %s there: it came at %s, after packages were last changed", quote(p.Exe), moment(fact.Changed))
	if entry := v.lineage.Unguarded(p, model.Identity{}); entry != nil && fact.Changed.After(entry.Started) {
		return fmt.Sprintf("%s, and while the service ran that started it (%s, pid %d).", evidence, quote(path.Base(entry.Exe)), entry.PID), strong
	}
	return evidence + ".", weak
}

func factPackage(v *view) string {
	fact, asked := v.snapshot.Packages.Of(v.process)
	belongs := fmt.Sprintf("It belongs to the package %s (%s)", quote(fact.Name), fact.Manager)
	switch {
	case v.process.ExeDeleted:
		return "Whose file it is cannot be found out: its file was deleted or replaced while it runs."
	case !asked:
		return "Nobody has asked whose file it is: it uses little CPU, or lies where packages put nothing."
	case fact.State == model.PackageUnaltered:
		return belongs + " and its content is as the package has it."
	case fact.State == model.PackageUnchecked:
		return fmt.Sprintf("%s; its content was not compared: %s.", belongs, text.Label(fact.Why))
	case fact.State != model.PackageUnowned:
		return fmt.Sprintf("Whose file it is could not be found out: %s.", text.Label(fact.Why))
	case fact.LastChange.IsZero():
		return "No package owns it; when packages were last changed is not known on this host."
	case v.process.Origin != model.OriginSystem:
		return "No package owns it, as usual where it lies."
	default:
		return fmt.Sprintf("No package owns it; it came at %s, before packages were last changed (%s).", moment(fact.Changed), moment(fact.LastChange))
	}
}

func moment(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }
