package generate

import "strings"

const everyRow = 24 // the width of Grafana's grid

// build is a dashboard of the parts that all share. Panels are laid out in
// their order, from left to right.
func (h house) build(uid, title, question string, extra []object, notes []object, panels ...panel) dashboard {
	d := dashboard{
		UID: uid, Title: title, Description: question, Tags: []string{"cryptojack"},
		SchemaVersion: 39, Version: 1, GraphTooltip: 1, Refresh: "30s",
		Time:        timeRange{"now-6h", "now"},
		Links:       []object{siblings()},
		Annotations: annotations{append([]object{builtIn()}, notes...)},
		Templating:  templating{append(h.variables(), extra...)},
	}
	for _, note := range notes {
		note["textFormat"] = h.inCluster(note["textFormat"].(string), note["expr"].(string))
	}
	x, y, height := 0, 0, 0
	for i, p := range panels {
		if x+p.GridPos.W > everyRow {
			x, y, height = 0, y+height, 0
		}
		p.ID, p.GridPos.X, p.GridPos.Y = i+1, x, y
		for i, query := range p.Targets {
			p.Targets[i].LegendFormat = h.inCluster(query.LegendFormat, query.Expr)
		}
		x, height = x+p.GridPos.W, max(height, p.GridPos.H)
		d.Panels = append(d.Panels, p)
	}
	return d
}

// siblings are links to the other dashboards, for the same hosts and time.
func siblings() object {
	return object{
		"title": "Cryptojack", "type": "dashboards", "tags": []string{"cryptojack"}, "icon": "external link", "tooltip": "", "url": "",
		"asDropdown": false, "includeVars": true, "keepTime": true, "targetBlank": false,
	}
}

func prometheus() source { return source{"prometheus", "${datasource}"} }

func (h house) variables() []object {
	all := []object{
		{
			"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1,
			"hide": 0, "includeAll": false, "multi": false, "regex": "", "options": []string{}, "current": object{}, "skipUrlSync": false,
		},
		choice("job", "Job", "label_values(cryptojack_exporter_build_info"+h.JobSelector()+", job)"),
	}
	chosen := `job=~"$job"`
	if h.ClusterLabel != "" {
		cluster := choice("cluster", "Cluster", "label_values(cryptojack_exporter_build_info{"+chosen+"}, "+h.ClusterLabel+")")
		cluster["allValue"] = ".*" // a host without the label too
		chosen += ", " + h.ClusterLabel + `=~"$cluster"`
		all = append(all, cluster)
	}
	return append(all, choice("instance", "Host", "label_values(cryptojack_exporter_build_info{"+chosen+"}, instance)"))
}

// inCluster lets a legend or a note that names a host say its cluster.
func (h house) inCluster(text, expr string) string {
	if h.ClusterLabel == "" || !strings.Contains(expr, h.ClusterLabel) {
		return text
	}
	return strings.ReplaceAll(text, "{{instance}}", "{{instance}} in {{"+h.ClusterLabel+"}}")
}

// choice is a variable of many values.
func choice(name, label, query string) object {
	v := single(name, label, query)
	v["multi"], v["includeAll"], v["allValue"] = true, true, ".+"
	v["current"] = object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}
	return v
}

// single is a variable of one value.
func single(name, label, query string) object {
	return object{
		"name": name, "label": label, "type": "query", "datasource": prometheus(),
		"definition": query, "query": object{"query": query, "refId": name}, "refresh": 2, "sort": 1,
		"hide": 0, "includeAll": false, "multi": false, "regex": "", "options": []string{}, "current": object{}, "skipUrlSync": false,
	}
}

func builtIn() object {
	return object{
		"name": "Annotations & Alerts", "type": "dashboard", "builtIn": 1, "enable": true, "hide": true,
		"datasource": source{"grafana", "-- Grafana --"}, "iconColor": "rgba(0, 211, 255, 1)",
	}
}

// alerts marks when alerts fired.
func alerts(name, color, expr, text string) object {
	return object{
		"name": name, "enable": true, "hide": false, "datasource": prometheus(), "iconColor": color,
		"expr": expr, "titleFormat": "{{alertname}}", "textFormat": text, "step": "60s",
	}
}

func (h house) firing(severity, more string) string {
	return `ALERTS{alertname=~"Cryptojack.+", alertstate="firing", severity="` + h.Severity(severity) + `", ` + more + `}`
}
