package measure

import (
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// Table is a table in Markdown. A column whose heading ends with a colon holds numbers:
// it is aligned to the right, and the colon is not shown.
type Table struct {
	Columns []string
	Rows    [][]string
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Write writes the table, with an empty line before it.
func (t *Table) Write(out io.Writer) {
	names, lines := make([]string, len(t.Columns)), make([]string, len(t.Columns))
	for i, column := range t.Columns {
		name, number := strings.CutSuffix(column, ":")
		names[i], lines[i] = name, "---"
		if number {
			lines[i] = "---:"
		}
	}
	fmt.Fprintf(out, "\n| %s |\n| %s |\n", strings.Join(names, " | "), strings.Join(lines, " | "))
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for i, text := range row {
			cells[i] = strings.ReplaceAll(text, "|", `\|`)
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
	}
}

// Number writes a number with three digits that count, whole if it is, and with
// separators of thousands.
func Number(value float64) string {
	digits := 0
	switch size := max(value, -value); {
	case value == math.Trunc(value):
	case size < 0.1:
		digits = 3
	case size < 10:
		digits = 2
	case size < 100:
		digits = 1
	}
	whole, fraction, cut := strings.Cut(strconv.FormatFloat(value, 'f', digits, 64), ".")
	sign := ""
	if rest, negative := strings.CutPrefix(whole, "-"); negative {
		sign, whole = "-", rest
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if cut {
		whole += "." + fraction
	}
	return sign + whole
}

// Publish shows a page, and writes it to a file unless that has no name.
func Publish(stdout io.Writer, file string, page []byte) error {
	if _, err := stdout.Write(page); err != nil || file == "" {
		return err
	}
	return os.WriteFile(file, page, 0o644)
}
