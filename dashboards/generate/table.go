package generate

import (
	"slices"
	"strings"
)

// column is one of a table: a label, or `Value #A` of a query.
type column struct {
	from, name string
	width      int
	properties []object
}

func col(from, name string, width int, properties ...object) column {
	return column{from, name, width, properties}
}

// table merges its queries by the labels that all of them have, and shows the
// columns in their order.
func (h house) table(title, description string, w, height int, columns []column, queries ...target) panel {
	p := show("table", title, description, w, height, queries...)
	p.set("custom", object{"align": "auto", "cellOptions": object{"type": "auto"}, "filterable": true, "inspect": false})
	columns = h.withCluster(columns, queries)
	order, names, hidden := object{}, object{}, object{"Time": true}
	for _, label := range labelsOf(queries) {
		hidden[label] = true
	}
	for i := range queries {
		hidden[valueOf(queries, i)] = true
	}
	for i, c := range columns {
		order[c.from], names[c.from] = i, c.name
		delete(hidden, c.from)
		properties := c.properties
		if c.width > 0 {
			properties = append(properties, object{"id": "custom.width", "value": c.width})
		}
		if len(properties) > 0 {
			p.paint(override{object{"id": "byName", "options": c.name}, properties})
		}
	}
	p.Transformations = []object{
		{"id": "merge", "options": object{}},
		{"id": "organize", "options": object{"excludeByName": hidden, "indexByName": order, "renameByName": names}},
	}
	p.Options = object{"showHeader": true, "cellHeight": "sm"}
	return p
}

// rowsHigh is the height of a table in Grafana's grid that shows so many rows without scrolling: the
// panel's title, the header and a row have 32 to 36 pixels each, a unit of the grid 38.
func rowsHigh(rows int) int { return rows + 2 }

// withCluster puts the cluster behind each host.
func (h house) withCluster(columns []column, queries []target) []column {
	if h.ClusterLabel == "" || !slices.Contains(labelsOf(queries), h.ClusterLabel) {
		return columns
	}
	i := slices.IndexFunc(columns, func(c column) bool { return c.from == "instance" })
	if i < 0 {
		return columns
	}
	return slices.Insert(slices.Clone(columns), i+1, col(h.ClusterLabel, clusterColumn, 110))
}

const clusterColumn = "Cluster"

// sorted by a column, the greatest first.
func (p panel) sorted(name string) panel {
	p.Options["sortBy"] = []object{{"displayName": name, "desc": true}}
	return p
}

// valueOf is what Grafana calls the value of a table's query.
func valueOf(queries []target, i int) string {
	if len(queries) == 1 {
		return "Value"
	}
	return "Value #" + string(rune('A'+i))
}

// labelsOf are the labels that queries aggregate by.
func labelsOf(queries []target) []string {
	var all []string
	for _, query := range queries {
		for _, part := range strings.Split(query.Expr, " by (")[1:] {
			labels, _, _ := strings.Cut(part, ")")
			all = append(all, strings.Split(labels, ", ")...)
		}
	}
	return all
}

// Properties of columns.
func unit(id string) object  { return object{"id": "unit", "value": id} }
func decimals(n int) object  { return object{"id": "decimals", "value": n} }
func mapped(m object) object { return object{"id": "mappings", "value": []object{m}} }
func background() object {
	return object{"id": "custom.cellOptions", "value": object{"type": "color-background"}}
}
func scale(steps object) object { return object{"id": "thresholds", "value": steps} }
func byScale() object           { return object{"id": "color", "value": object{"mode": "thresholds"}} }

// link opens another dashboard with the cell's value in a variable, at the same
// time and for the same data source. Grafana escapes the value.
func (h house) link(title, uid, variable string, keep ...string) object {
	url := "/d/" + uid + "?${__url_time_range}"
	for _, name := range append([]string{"datasource", "job"}, keep...) {
		url += "&${" + name + ":queryparam}"
	}
	if h.ClusterLabel != "" {
		if variable == "instance" {
			url += "&var-cluster=${__data.fields." + clusterColumn + "}" // the line's own
		} else {
			url += "&${cluster:queryparam}"
		}
	}
	url += "&var-" + variable + "=${__value.raw}"
	return object{"id": "links", "value": []object{{"title": title, "url": url}}}
}

func (h house) toHost() object {
	return h.link("What happens on this host?", "cryptojack-host", "instance")
}

func (h house) toSuspect() object {
	return h.link("What is this program?", "cryptojack-suspect", "suspect", "instance")
}
