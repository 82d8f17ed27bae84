// Peers compares cryptojack_exporter with process-exporter and node_exporter, in one run
// on this host: what they cost among 100 to 30,000 processes, at rest and with short
// ones, and how much CPU time of short processes they attribute to their program. It
// needs root, and leaves nothing behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

const (
	scrapePeriod = 15 * time.Second
	// place is where the programs of the bench go: below it an administrator installs,
	// and no exporter finds that remarkable.
	place = "/usr/local/lib"
)

func main() {
	if length := os.Getenv(burnMode); length != "" {
		burn(length)
		return
	}
	programs.Main(run)
}

// settings are the parsed command line.
type settings struct {
	exporter, processExporter, nodeExporter string // paths
	sizes                                   []int
	span, settle                            time.Duration
	churn                                   int
	short                                   bool
	table                                   string
	arguments                               []string
}

func parse(arguments []string, stderr io.Writer) (settings, error) {
	set := settings{sizes: []int{100, 1000, 5000, 30_000}, arguments: arguments}
	flags, err := programs.NewFlags("peers", stderr)
	if err != nil {
		return set, err
	}
	flags.Program(&set.exporter, "exporter", "cryptojack_exporter")
	flags.StringVar(&set.processExporter, "process-exporter", "prometheus-process-exporter", "`PROGRAM` of process-exporter, Debian's by default")
	flags.StringVar(&set.nodeExporter, "node-exporter", "prometheus-node-exporter", "`PROGRAM` of node_exporter, Debian's by default")
	flags.Func("sizes", "`NUMBERS` of processes on the host, separated by commas; none leaves this part out (default 100,1000,5000,30000)", func(list string) (err error) {
		set.sizes, err = sizesOf(list)
		return err
	})
	flags.DurationVar(&set.span, "for", time.Minute, "`TIME` of each measurement, a multiple of 15s")
	flags.DurationVar(&set.settle, "settle", 30*time.Second, "`TIME` that exporters have to get to know the processes")
	flags.IntVar(&set.churn, "churn", 200, "`NUMBER` of processes a second that start and end while it churns")
	flags.BoolVar(&set.short, "short-processes", true, "measure the CPU time that is attributed (2 min)")
	flags.StringVar(&set.table, "table", "", "`FILE` to write the page to")
	if err := flags.Parse(arguments); err != nil {
		return set, err
	}
	if set.span < scrapePeriod || set.span%scrapePeriod != 0 || set.churn < 1 || flags.NArg() > 0 {
		return set, errors.New("give -for in multiples of 15s, -churn of at least 1, and no arguments")
	}
	return set, nil
}

func sizesOf(list string) ([]int, error) {
	var sizes []int
	for text := range strings.SplitSeq(list, ",") {
		if text == "" {
			continue
		}
		size, err := strconv.Atoi(text)
		if err != nil || size < 1 || len(sizes) > 0 && size <= sizes[len(sizes)-1] {
			return nil, fmt.Errorf("%q: give numbers of processes in rising order", list)
		}
		sizes = append(sizes, size)
	}
	return sizes, nil
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	return programs.RunAsRoot("peers", "the exporters read what belongs to others", arguments, stderr, parse, func(set settings) error {
		return compare(ctx, set, stdout, stderr)
	})
}

func compare(ctx context.Context, set settings, stdout, stderr io.Writer) (err error) {
	directory, err := os.MkdirTemp("", "peers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	peers, err := peersOf(ctx, set, directory)
	if err != nil {
		return err
	}
	p := page{settings: set, machine: measure.Machine(), peers: peers}
	if p.rows, p.left, err = measureSizes(ctx, set, peers, stderr); err != nil {
		return err
	}
	if set.short {
		if p.attributed, err = attribute(ctx, peers, stderr); err != nil {
			return err
		}
	}
	return measure.Publish(stdout, set.table, p.render())
}

// logOf opens the file for what the exporters say: the page is not the place.
func logOf() (*os.File, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(filepath.Dir(own), "peers.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
}
