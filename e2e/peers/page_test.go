package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPage(t *testing.T) {
	t.Parallel()
	times := make([]time.Duration, 100)
	for i := range times {
		times[i] = time.Duration(i+1) * time.Millisecond
	}
	p := page{
		settings: settings{span: time.Minute, settle: 30 * time.Second, arguments: []string{"-table", "x.md", "-for=1m", "-node-exporter=/n"}},
		machine:  "2 cores",
		peers: []peer{
			{name: "cryptojack_exporter", version: "1", command: []string{"c", "--log.level=error"}, metric: "m"},
			{name: "process-exporter", version: "2", command: []string{"p", "-config.path=/tmp/1"}, metric: "m"},
			{name: "node_exporter", version: "3", command: []string{"n"}},
		},
		rows: []row{
			{processes: 5000, peer: "cryptojack_exporter", cost: cost{cpu: 0.4, resident: 45e6, series: 900, bytes: 90000, interval: "5.0001"}, scrapes: times},
			{processes: 5000, peer: "process-exporter", cost: cost{cpu: 6.4, resident: 60e6, series: 3000, bytes: 300000}, scrapes: times[:3]},
			{processes: 5000, churn: 199.6, peer: "process-exporter", cost: cost{cpu: 7, late: 2}},
		},
		left:       []string{"30000 processes: no room"},
		attributed: []attribution{{load: load{10 * time.Millisecond, 500}, used: 5, seen: map[string]float64{"cryptojack_exporter": 4.9}}},
	}
	got := string(p.render())
	for _, want := range []string{
		"Made by `make bench-peers -for=1m`; do not edit. Measured on 2 cores.",
		"| cryptojack_exporter | 1 | --log.level=error |\n",
		"| 5,000 | 0 | cryptojack_exporter | 0.40 | 1 | 5.00 | 50 | 99 | 100 | 45 | 900 | 90,000 |\n",
		"| 5,000 | 0 | process-exporter | 6.40 | 16 | - | 2 | 3 | 3 | 60 | 3,000 | 300,000 |\n",
		"| 5,000 | 200 | process-exporter | 7 (2 scrapes came too late) | 17.5 |",
		"\nNot measured: 30000 processes: no room.\n",
		"| processes | CPU time by wait(2), s | cryptojack_exporter, s | share | process-exporter, s | share |\n",
		"| 500 of 10ms | 5 | 4.90 | 98.0 % | 0 | 0.0 % |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	set, err := parse([]string{"-sizes", "100,1000", "-for", "30s"}, io.Discard)
	if err != nil || !slices.Equal(set.sizes, []int{100, 1000}) || set.span != 30*time.Second || !set.short {
		t.Errorf("%+v, %v", set, err)
	}
	if set, err := parse([]string{"-sizes="}, io.Discard); err != nil || set.sizes != nil {
		t.Errorf("no sizes: %+v, %v", set, err)
	}
	if set, err := parse(nil, io.Discard); err != nil || len(set.sizes) != 4 {
		t.Errorf("usual sizes: %+v, %v", set, err)
	}
	for _, wrong := range [][]string{{"-sizes=1000,100"}, {"-sizes=x"}, {"-for=20s"}, {"-for=0s"}, {"-churn=0"}, {"more"}} {
		if set, err := parse(wrong, io.Discard); err == nil {
			t.Errorf("%q is taken: %+v", wrong, set)
		}
	}
}

func TestExposition(t *testing.T) {
	t.Parallel()
	exposition := []byte(`# TYPE namedprocess_namegroup_cpu_seconds_total counter
namedprocess_namegroup_cpu_seconds_total{groupname="a",mode="user"} 1.5
namedprocess_namegroup_cpu_seconds_total{groupname="a",mode="system"} 0.5

namedprocess_namegroup_num_procs{groupname="a"} 3
`)
	if got := seriesIn(exposition); got != 3 {
		t.Errorf("%d series", got)
	}
	seconds, err := peer{metric: "namedprocess_namegroup_cpu_seconds_total", label: "groupname"}.cpuByProgram(exposition)
	if err != nil || len(seconds) != 1 || seconds["a"] != 2 {
		t.Errorf("%v, %v", seconds, err)
	}
	if got := (peer{interval: `namedprocess_namegroup_num_procs{groupname="a"}`}).intervalIn(exposition); got != "3" {
		t.Errorf("interval %q", got)
	}
	if got := (peer{interval: "none"}).intervalIn(exposition) + (peer{}).intervalIn(exposition); got != "" {
		t.Errorf("interval %q", got)
	}
	if _, err := (peer{}).cpuByProgram([]byte("{")); err == nil {
		t.Error("that is no exposition")
	}
}
