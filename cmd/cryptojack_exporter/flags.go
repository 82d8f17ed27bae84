package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/assets"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tracker"
)

const (
	programName = "cryptojack_exporter"

	commandServe       = "serve"
	commandScan        = "scan"
	commandAssets      = "assets"
	commandHealthcheck = "healthcheck"
	commandDrill       = "drill"
	commandWatch       = "watch"

	diffDefaults = "defaults" // for --diff: what is in force without a file

	logStdout  = "-"        // for --findings.log
	logJournal = "journald" // likewise

	formatText = "text"
	formatJSON = "json"
	formatProm = "prom"
)

// options are the parsed command line.
type options struct {
	command    string
	collectors map[string]*bool

	web                    *web.FlagConfig
	telemetryPath          string
	maxRequests            int
	disableExporterMetrics bool
	enablePprof            bool
	enableLifecycle        bool

	procfs, rootfs string

	taskIterator, procConnector, taskstats bool

	processInterval time.Duration
	cpuBudget       float64
	respawnWindow   time.Duration
	filesInterval   time.Duration
	filesShare      float64 // of a core, for looking at files; 0 is the default
	socketsInterval time.Duration

	persistenceInterval time.Duration

	hold           time.Duration
	stateDirectory string // "" for none

	findingsLog string // a file, logStdout or logJournal; "" for none

	configFiles []string
	configCheck bool
	logLevel    string
	logFormat   string

	scanFor     time.Duration
	scanFormat  string
	scanRedact  bool
	scanExplain int
	scanDiff    string

	assetsDirectory string
	house           assets.House

	watchURL      *url.URL
	watchEvery    time.Duration
	watchWarnings bool

	confine func(*options, *privileged, log.Logger) // gives up what is not needed from then on
}

// parseFlags returns done and an exit code when there is nothing to run: after
// --help and --version, and after a mistake.
func parseFlags(args []string, stdout, stderr io.Writer) (o *options, code int, done bool) {
	o = &options{collectors: map[string]*bool{}}
	app := newApplication(o)
	app.UsageWriter(stdout).ErrorWriter(stderr)
	app.Terminate(func(status int) { code, done = status, true })

	command, err := app.Parse(args)
	if done {
		return o, code, true
	}
	o.command = command
	if err == nil {
		err = o.check()
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v; see %s --help\n", programName, err, programName)
		if slices.Contains(args, commandScan) {
			return o, exitUnknown, true
		}
		return o, exitFailure, true
	}
	return o, exitOK, false
}

// newApplication describes the command line; what is parsed goes to the options.
func newApplication(o *options) *kingpin.Application {
	app := kingpin.New(programName, "Finds cryptojacking on this host: what mines, who restarts it, and which exposed service let it in.")
	app.Version(version.Print(programName))
	app.VersionFlag.Short('V')
	app.HelpFlag.Short('h')
	app.UsageFuncs(template.FuncMap{"FlagGroups": flagGroups}).UsageTemplate(groupedUsage())

	for _, c := range switchables() {
		o.collectors[c.name] = app.Flag("collector."+c.name, c.help).Default("true").Bool()
	}
	o.web = kingpinflag.AddFlags(app, ":10042")
	app.Flag("web.telemetry-path", "Path of the metrics.").Default("/metrics").StringVar(&o.telemetryPath)
	app.Flag("web.max-requests", "Most scrapes at a time, a quarter of them of one address; 0 means no limit.").Default("40").IntVar(&o.maxRequests)
	app.Flag("web.disable-exporter-metrics", "Leave out the metrics of the exporter's own process (go_*, process_*, promhttp_*).").BoolVar(&o.disableExporterMetrics)
	app.Flag("web.enable-pprof", "Serve /debug/pprof/ to this host and to whoever signs in: its profiles hold names and paths.").BoolVar(&o.enablePprof)
	app.Flag("web.enable-lifecycle", "Let POST /-/reload read the configuration again.").BoolVar(&o.enableLifecycle)
	app.Flag("path.procfs", "Where the host's procfs is mounted.").Default("/proc").StringVar(&o.procfs)
	app.Flag("path.rootfs", "Where the host's root directory is mounted.").Default("/").StringVar(&o.rootfs)
	app.Flag("source.task-iterator", "Read all processes, and all sockets, at once from the kernel's tables (BPF; CAP_BPF and CAP_PERFMON at the start). Without it, each is read from /proc.").
		Default("true").BoolVar(&o.taskIterator)
	app.Flag("source.proc-connector", "Let the kernel report each fork, exec and exit (CAP_NET_ADMIN).").Default("true").BoolVar(&o.procConnector)
	app.Flag("source.taskstats", "Let the kernel report what each thread used that exits (CAP_NET_ADMIN).").Default("true").BoolVar(&o.taskstats)
	app.Flag("process.interval", "Shortest time between two looks at the process table.").Default(processes.DefaultInterval.String()).DurationVar(&o.processInterval)
	app.Flag("process.cpu-budget", "Share of one core that looking at processes may use, above 0 and at most 1; the interval grows to keep it.").
		Default(fmt.Sprint(processes.DefaultBudget)).Float64Var(&o.cpuBudget)
	app.Flag("respawn.window", "How soon after an end the next start of a program is a respawn.").Default(processes.DefaultRespawnWindow.String()).DurationVar(&o.respawnWindow)
	app.Flag("files.interval", "Time between two looks for what inotify does not tell of the watched directories; changes are seen at once.").Default("1m").DurationVar(&o.filesInterval)
	app.Flag("sockets.interval", "Time between two looks at the listening sockets, and at the connections of what burns CPU.").Default("5s").DurationVar(&o.socketsInterval)
	app.Flag("persistence.interval", "Time between two looks at crontabs, units and whatever else starts programs by itself.").Default("10s").DurationVar(&o.persistenceInterval)
	app.Flag("findings.hold", "How long a finding stays after its last evidence.").Default(tracker.DefaultHold.String()).DurationVar(&o.hold)
	app.Flag("findings.log", "Write a line when a finding is raised, changes or ends: to this file, to standard output (`"+logStdout+"`), or as fields to the journal (`"+logJournal+
		"`). Lines are JSON with the names of the Elastic Common Schema; SIGHUP opens the file anew.").PlaceHolder("FILE").StringVar(&o.findingsLog)
	app.Flag("state.dir", "Keep what is known over restarts, in two files of this directory, of at most 1 MiB each: findings that are over, when each was first seen, and what starts programs by itself.").
		PlaceHolder("DIR").StringVar(&o.stateDirectory)
	app.Flag("config.file", "Configuration (YAML); may be repeated, and the lists of all files are joined.").StringsVar(&o.configFiles)
	app.Flag("config.check", "Check the configuration and exit.").BoolVar(&o.configCheck)
	app.Flag("log.level", "Least severe messages that are logged.").Default("info").EnumVar(&o.logLevel, "debug", "info", "warn", "error")
	app.Flag("log.format", "Format of the log.").Default("logfmt").EnumVar(&o.logFormat, "logfmt", "json")

	app.Command(commandServe, "Serve metrics (the default).").Default()
	scan := app.Command(commandScan, "Look once, report to a person and exit: 0 nothing, 1 warning, 2 critical, 3 could not look.")
	scan.Flag("for", "How long to look.").Default("10s").DurationVar(&o.scanFor)
	scan.Flag("format", "Format of the report: for people, as the document that /api/v1/findings serves, or as metrics for a textfile collector.").
		Default(formatText).EnumVar(&o.scanFormat, formatText, formatJSON, formatProm)
	scan.Flag("redact", "Leave out arguments and lines of files, and replace names of the host and of people, and addresses: for a report to strangers.").BoolVar(&o.scanRedact)
	scan.Flag("explain", "Tell every signal that is considered for the process of this pid, with yes or no and why.").PlaceHolder("PID").IntVar(&o.scanExplain)
	scan.Flag("diff", "Tell which findings the configuration of --config.file raises or lowers now, compared with that of this file, or with the defaults if it is `"+diffDefaults+
		"`. The exit code is 0 if none, 1 if some, 3 if it could not look.").PlaceHolder("FILE").StringVar(&o.scanDiff)

	written := app.Command(commandAssets, "Write the alert rules, runbooks, dashboards and examples that fit this version, and exit.")
	written.Arg("dir", "Directory to write them to; it is made if need be, and files of the same names are replaced.").Required().StringVar(&o.assetsDirectory)
	written.Flag("job", "Let rules be about exporters of these jobs only.").PlaceHolder("REGEX").StringVar(&o.house.Job)
	written.Flag("runbook-url", "Where the runbooks are, with {alert} or %s for the alert's name. It may have labels, such as http://{{ $labels.instance }}/runbooks/{alert}.").
		PlaceHolder("URL").StringVar(&o.house.RunbookURL)
	written.Flag("dashboard-url", "Let alerts name their dashboard (dashboard_url) in this Grafana.").PlaceHolder("URL").StringVar(&o.house.DashboardURL)
	written.Flag("cluster-label", "The label that tells clusters apart, where rules see several (Thanos, Mimir).").PlaceHolder("LABEL").StringVar(&o.house.ClusterLabel)
	o.house.Severities = map[string]string{}
	written.Flag("severity", "What the severity critical, warning or info is called here, such as critical=page; may be repeated.").
		PlaceHolder("OURS=THEIRS").StringMapVar(&o.house.Severities)

	app.Command(commandDrill, "Print how to play a harmless fire drill on this host, and what must arrive where and when. Nothing is run.")
	watch := app.Command(commandWatch, "Show the findings of this host on the desktop of whoever runs it, without privileges, until it is stopped.")
	watch.Flag("url", "The exporter's page.").Default("http://localhost:10042/").URLVar(&o.watchURL)
	watch.Flag("every", "Time between two looks.").Default("3s").DurationVar(&o.watchEvery)
	watch.Flag("warnings", "Also show findings that are no more than a warning.").BoolVar(&o.watchWarnings)

	app.Command(commandHealthcheck, "Ask the exporter that serves at --web.listen-address of this host whether it does, with TLS or without, for the engine of its container: 0 yes, 1 no.")
	return app
}

// telemetryPath is what the metrics may be served at: an HTTP mux takes other
// characters for patterns, and /-/ is the lifecycle's.
var telemetryPath = regexp.MustCompile(`^/[A-Za-z0-9_.][A-Za-z0-9_./-]*$`)

// check refuses values that no flag type can refuse.
func (o *options) check() error {
	for _, interval := range []struct {
		flag  string
		value time.Duration
		least time.Duration
	}{
		{"process.interval", o.processInterval, 100 * time.Millisecond},
		{"files.interval", o.filesInterval, time.Second},
		{"sockets.interval", o.socketsInterval, time.Second},
		{"persistence.interval", o.persistenceInterval, time.Second},
		{"respawn.window", o.respawnWindow, time.Second},
		{"findings.hold", o.hold, 0},
	} {
		if interval.value < interval.least {
			return fmt.Errorf("--%s: %s is less than %s", interval.flag, interval.value, interval.least)
		}
	}
	switch {
	case !(o.cpuBudget > 0 && o.cpuBudget <= 1): // NaN is neither
		return fmt.Errorf("--process.cpu-budget: %g is not above 0 and at most 1", o.cpuBudget)
	case o.maxRequests < 0:
		return fmt.Errorf("--web.max-requests: %d is less than 0", o.maxRequests)
	case !telemetryPath.MatchString(o.telemetryPath), path.Clean(o.telemetryPath) != o.telemetryPath, strings.HasPrefix(o.telemetryPath, "/api/"), strings.HasPrefix(o.telemetryPath, "/debug/"):
		return fmt.Errorf("--web.telemetry-path: %q is not like /metrics: a plain path that no other page has", o.telemetryPath)
	case o.command == commandScan && o.scanExplain < 0:
		return fmt.Errorf("--explain: %d is not a pid", o.scanExplain)
	case o.command == commandScan && o.scanExplain > 0 && o.scanDiff != "":
		return errors.New("--diff and --explain: give only one of them")
	case o.command == commandScan && (o.scanRedact || o.scanFormat == formatProm) && (o.scanExplain > 0 || o.scanDiff != ""):
		return errors.New("--redact and --format=prom are about the report of all findings: leave out --diff and --explain")
	case o.command == commandScan && o.scanRedact && o.scanFormat == formatProm:
		return errors.New("--redact: metrics cannot be redacted; give --format=text or --format=json")
	case o.command == commandWatch && o.watchEvery < time.Second:
		return fmt.Errorf("--every: %s is less than 1s", o.watchEvery)
	case o.command == commandWatch && (o.watchURL.Scheme != "http" && o.watchURL.Scheme != "https" || o.watchURL.Hostname() == ""):
		return fmt.Errorf("--url: %q is not like http://localhost:10042/", o.watchURL.Redacted())
	case o.command == commandScan && o.scanFor <= 0:
		return fmt.Errorf("--for: %s is not above 0", o.scanFor)
	}
	return nil
}

// looksAtProcesses tells whether processes are sampled: respawns and findings need them.
func (o *options) looksAtProcesses() bool {
	return *o.collectors["process"] || *o.collectors["respawn"] || *o.collectors["findings"]
}

// looksAtSockets tells whether sockets are sampled: services are found by them.
func (o *options) looksAtSockets() bool { return *o.collectors["sockets"] || *o.collectors["services"] }
