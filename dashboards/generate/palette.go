package generate

// Colours mean the same everywhere. Green is what was seen and is fine: never
// what was not seen, so that every scale begins with grey, the colour of null.
const (
	critical = "red"
	warning  = "orange"
	info     = "blue"
	fine     = "green"
	unseen   = "#808080"
)

// neutral are for lines that mean neither good nor bad. One is left for what
// has no name of its own.
func neutral() []string {
	return []string{"blue", "purple", "light-blue", "dark-purple", "dark-blue", "light-purple", "super-light-blue", "super-light-purple"}
}

// step is a colour from a value on.
type step struct {
	from  float64
	color string
}

// thresholds begin with grey, then go up by the steps.
func thresholds(steps ...step) object {
	all := []object{{"color": unseen, "value": nil}}
	for _, s := range steps {
		all = append(all, object{"color": s.color, "value": s.from})
	}
	return object{"mode": "absolute", "steps": all}
}

// Scales of counts of what should not be.
func redFrom(bad float64) object    { return thresholds(step{0, fine}, step{bad, critical}) }
func orangeFrom(bad float64) object { return thresholds(step{0, fine}, step{bad, warning}) }
func greyFrom(bad float64) object   { return thresholds(step{0, fine}, step{bad, unseen}) }
func blueFrom(least float64) object { return thresholds(step{least, info}) }

func orangeRedFrom(bad, worse float64) object {
	return thresholds(step{0, fine}, step{bad, warning}, step{worse, critical})
}

// comeBack is the scale of a suspect's respawns: none is not yet fine.
func comeBack() object {
	return thresholds(step{0, info}, step{1, warning}, step{3, critical})
}

// visible is the scale of a share that could be read: below the limit of the
// alert CryptojackBlind it is grey.
func visible() object { return thresholds(step{blindBelow, info}, step{0.99, fine}) }

// noData says so where a query has no answer, in grey.
func noData() object {
	return object{"type": "special", "options": object{"match": "null+nan", "result": object{"text": "No data", "color": unseen, "index": 9}}}
}

// word is the text and the colour of a value.
type word struct{ value, text, color string }

func words(all ...word) object {
	options := object{}
	for i, w := range all {
		options[w.value] = object{"text": w.text, "color": w.color, "index": i}
	}
	return object{"type": "value", "options": options}
}

// verdicts are the values of the query verdict.
func verdicts() object {
	return words(word{"0", "Quiet", fine}, word{"1", "Blind", unseen}, word{"2", "Suspicious", warning}, word{"3", "Miner", critical})
}

func verdictThresholds() object {
	return thresholds(step{0, fine}, step{1, unseen}, step{2, warning}, step{3, critical})
}

func severities() object {
	return words(word{"critical", "critical", critical}, word{"warning", "warning", warning}, word{"info", "info", info})
}

// scopes colour an exposed service by how far it reaches.
func scopes() object {
	return words(word{"public", "public", warning}, word{"any", "any", warning}, word{"private", "private", info})
}

func fixed(color string) object { return object{"mode": "fixed", "fixedColor": color} }

// paint gives a colour to the series whose name matches.
func paint(name, color string) override {
	return override{object{"id": "byRegexp", "options": "/" + name + "/"}, []object{{"id": "color", "value": fixed(color)}}}
}

// paintQuery gives a colour to what a query returns.
func paintQuery(refID, color string, more ...object) override {
	return override{object{"id": "byFrameRefID", "options": refID}, append([]object{{"id": "color", "value": fixed(color)}}, more...)}
}

// paintNeutral gives each name a colour that means nothing.
func paintNeutral(names ...string) []override {
	var all []override
	colors := neutral()
	for i, name := range names {
		all = append(all, paint("^"+name, colors[i%len(colors)]))
	}
	return all
}

// paintOrigins: where no program belongs is a warning.
func paintOrigins() []override {
	return append(paintNeutral("system", "kernel", "local", "home", "other"),
		paint("^temp", warning), paint("^deleted", "dark-orange"), paint("^memfd", "light-orange"), paint("^web", "super-light-orange"),
		paint("^unreadable", unseen))
}
