package report

import (
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// packageText says whose file a program is, or "" if it is not known.
func packageText(fact *model.PackageFact) string {
	name := text.Label(fact.Name) + " (" + fact.Manager + ")"
	switch fact.State {
	case model.PackageUnaltered:
		return name + ", content as in the package"
	case model.PackageUnchecked:
		return name + ", content not compared"
	case model.PackageAltered:
		return name + ", but with other content"
	case model.PackageUnowned:
		return "none owns it"
	default:
		return ""
	}
}

func packageJSON(fact *model.PackageFact) *jsonPackage {
	if fact.State == model.PackageUnknown {
		return nil
	}
	return &jsonPackage{Manager: fact.Manager, Name: text.Label(fact.Name), State: string(fact.State)}
}

// reinstall is the command that puts back a program whose content is not its package's,
// or "" for any other.
func reinstall(known *model.PackageSnapshot, p *model.Process) string {
	fact, _ := known.Of(p)
	if fact.State != model.PackageAltered {
		return ""
	}
	name := shellQuote(fact.Name)
	switch fact.Manager {
	case "dpkg":
		return "apt-get install --reinstall -- " + name
	case "rpm":
		return "dnf reinstall " + name + " || zypper install --force " + name
	case "pacman":
		return "pacman -S " + name
	case "apk":
		return "apk fix --reinstall " + name
	default:
		return ""
	}
}
