package report

import (
	"fmt"
	"strconv"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// earlierView is a finding that is over.
type earlierView struct {
	Severity, Title string
	When            string // a sentence
	Facts, More     []fact
	Runbook         string // path; "" if there is none
}

// earlier lists what is over, the last first, and counts what the page has no room for.
func (r *Report) earlier() (views []earlierView, more int) {
	shown := min(len(r.History), maxShown)
	for i := range r.History[:shown] {
		ended := &r.History[i]
		f := &ended.Finding
		view := earlierView{Severity: string(f.Severity), Title: text.Escape(f.Title), When: r.when(ended), Runbook: runbookPath(f)}
		view.Facts, view.More = deciding(r.earlierFacts(f))
		views = append(views, view)
	}
	return views, len(r.History) - shown
}

// when tells how long it was there and when that was. What a finding is held beyond its last evidence is no part of that.
func (r *Report) when(ended *model.Ended) string {
	f := &ended.Finding
	sentence := fmt.Sprintf("Seen from %s to %s", timeText(f.FirstSeen), r.moment(f.LastSeen))
	if ended.Times > 1 {
		sentence = fmt.Sprintf("Seen %d times from %s to %s", ended.Times, timeText(f.FirstSeen), r.moment(f.LastSeen))
	}
	return sentence + "."
}

// earlierFacts are those of a suspect that still matter when it is gone.
func (r *Report) earlierFacts(f *model.Finding) []fact {
	suspect := f.Suspect
	if suspect == nil {
		return nil
	}
	p := &suspect.Process
	var list []fact
	add := func(name, value string) {
		if value != "" {
			list = append(list, fact{name, value})
		}
	}
	add("path", pathText(p))
	add("sha256", shortHash(p.SHA256))
	add("user", text.Escape(p.User))
	add("unit", text.Escape(p.Unit))
	add("container", containerText(p.Container, p.ContainerID))
	add("CPU", r.cpuText(suspect))
	if respawns := suspect.Respawns + suspect.RespawnsBefore; respawns > 0 {
		add("respawns", strconv.FormatUint(respawns, 10))
	}
	if f.Exemption != "" {
		add("lowered", text.Escape(f.Exempted))
	}
	add("kept alive by", guardianText(suspect.Guardian))
	add("came in by", entryText(suspect.Entry))
	return list
}
