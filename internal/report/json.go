package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// schemaVersion grows when a field changes its meaning or goes away, not when
// one is added.
const schemaVersion = 1

// JSON writes the report for tools. Text that is no valid UTF-8 or could
// mislead a reader is escaped (text.Escape). Lists are never null; an object
// that does not apply is absent.
func JSON(w io.Writer, r Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	r = r.forAudience()
	if err := encoder.Encode(newDocument(&r)); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	return nil
}

// document is the published form: it changes on purpose only, whatever happens
// to the types of package host.
type document struct {
	SchemaVersion  int           `json:"schema_version"`
	Audience       string        `json:"audience"`           // full, or public, which is told less
	Withheld       string        `json:"withheld,omitempty"` // what the public is not told, and where it is
	Verdict        verdict       `json:"verdict"`
	ExitCode       int           `json:"exit_code"`
	Host           string        `json:"host"`
	Version        string        `json:"version"`
	Time           time.Time     `json:"time"`
	WatchedSeconds float64       `json:"watched_seconds"`
	Findings       []jsonFinding `json:"findings"` // worst first, at most 1,024
	MoreFindings   int           `json:"more_findings,omitempty"`
	Files          []jsonFile    `json:"files"`                  // all suspicious files, strongest reason first, at most 1,024
	Exposed        []jsonExposed `json:"exposed_services"`       // all of them, also those that are only noted
	History        []jsonEnded   `json:"history"`                // findings that are over, the last first, at most 100
	HistoryNote    string        `json:"history_note,omitempty"` // why some of it may be missing after a restart
	Plan           []jsonStep    `json:"plan"`
	Coverage       jsonCoverage  `json:"coverage"`
	Blind          []string      `json:"blind"`
}

// jsonEnded is a finding that is over, without a remedy.
type jsonEnded struct {
	Finding jsonFinding `json:"finding"` // the worst that it was; first_seen is that of the first time
	Ended   time.Time   `json:"ended"`   // the last time
	Times   int         `json:"times"`   // how often it was raised
}

type jsonCoverage struct {
	Sensors []jsonSensor `json:"sensors"`
	Aspects []jsonAspect `json:"aspects"`
}

// jsonSensor has no last_sample while the sensor is off or has not finished its
// first sample.
type jsonSensor struct {
	Sensor          string    `json:"sensor"`
	LastSample      time.Time `json:"last_sample,omitzero"`
	IntervalSeconds float64   `json:"interval_seconds"`
	Overdue         bool      `json:"overdue"`
}

type jsonAspect struct {
	Aspect   string `json:"aspect"`
	Readable int    `json:"readable"`
	Total    int    `json:"total"`
}

type jsonStep struct {
	Title   string `json:"title"`
	Command string `json:"command"`
}

type jsonFinding struct {
	ID        string       `json:"id"`
	Rule      string       `json:"rule"`
	Severity  string       `json:"severity"`
	Technique string       `json:"technique"`
	Title     string       `json:"title"`
	Evidence  []string     `json:"evidence"`
	Remedy    []string     `json:"remedy"`
	Exempted  string       `json:"exempted"`
	FirstSeen time.Time    `json:"first_seen"`
	LastSeen  time.Time    `json:"last_seen"`
	Runbook   string       `json:"runbook,omitempty"` // the alert whose runbook tells about it
	Suspect   *jsonSuspect `json:"suspect,omitempty"`
	File      *jsonFile    `json:"file,omitempty"`
	Socket    *jsonExposed `json:"socket,omitempty"`

	Exemption   string           `json:"exemption"` // the kind of exempted
	Persistence *jsonPersistence `json:"persistence,omitempty"`

	MoreOfFile    int `json:"more_of_file,omitempty"` // entries of the same file that are not listed
	MoreElsewhere int `json:"more_elsewhere,omitempty"`
}

type jsonPersistence struct {
	Kind    string `json:"kind"`
	Path    string `json:"path"`
	Line    int    `json:"line"`  // from 1; 0 for the whole file
	Owner   string `json:"owner"` // who writes the file; "" for root and the system
	User    string `json:"user"`
	Unit    string `json:"unit"`
	Command string `json:"command"`
	Reason  string `json:"reason"`
	Decoded string `json:"decoded,omitempty"` // what the encoded part of the command reads
}

type jsonSuspect struct {
	ID         string   `json:"id"`
	PIDs       []int    `json:"pids"`
	Instances  int      `json:"instances"`
	Running    bool     `json:"running"`
	Comm       string   `json:"comm"`
	Exe        string   `json:"exe"`
	ExeDeleted bool     `json:"exe_deleted"`
	Argv       []string `json:"argv"`
	User       string   `json:"user"`
	UID        uint32   `json:"uid"`
	Unit       string   `json:"unit"`
	Container  string   `json:"container"`

	ContainerDetails *jsonContainer `json:"container_details,omitempty"`

	Cgroup     string         `json:"cgroup"`
	Origin     string         `json:"origin"`
	Namespace  string         `json:"namespace"`
	SHA256     string         `json:"sha256"`
	Started    time.Time      `json:"started,omitzero"`
	Cores      float64        `json:"cores"`
	CPUSeconds float64        `json:"cpu_seconds"`
	RSSBytes   uint64         `json:"rss_bytes"`
	Respawns   uint64         `json:"respawns"`
	Package    *jsonPackage   `json:"package,omitempty"` // whose file its program is; nothing if it is not known
	Signals    []jsonSignal   `json:"signals"`           // strongest first
	Guardian   *jsonGuardian  `json:"guardian,omitempty"`
	Entry      *jsonEntry     `json:"entry,omitempty"`
	Ancestors  []jsonAncestor `json:"ancestors"` // nearest first
}

type jsonPackage struct {
	Manager string `json:"manager"` // "" where no package owns it
	Name    string `json:"name"`
	State   string `json:"state"` // unaltered, unchecked, altered, unowned
}

type jsonSignal struct {
	Rule      string `json:"rule"`
	Family    string `json:"family"`
	Technique string `json:"technique"`
	Evidence  string `json:"evidence"`
	Weak      bool   `json:"weak"` // counts for nothing alone
}

type jsonGuardian struct {
	Relation string `json:"relation"`
	PID      int    `json:"pid"`
	Comm     string `json:"comm"`
	Exe      string `json:"exe"`
	User     string `json:"user"`
	Unit     string `json:"unit"`
	Path     string `json:"path"`
	Line     int    `json:"line"`
	Starts   int    `json:"starts"`
}

type jsonEntry struct {
	App     string `json:"app"`
	Process string `json:"process"`
	PID     int    `json:"pid"`
	Address string `json:"address"`
	Port    uint16 `json:"port"`
	Alive   bool   `json:"alive"`

	Run              *jsonSubmission `json:"run,omitempty"` // what brought it
	RunBeforeSeconds float64         `json:"run_before_seconds"`
}

type jsonAncestor struct {
	PID     int       `json:"pid"`
	Comm    string    `json:"comm"`
	Exe     string    `json:"exe"`
	User    string    `json:"user"`
	Started time.Time `json:"started,omitzero"`
	Alive   bool      `json:"alive"`
}

type jsonFile struct {
	Path       string    `json:"path"`
	Directory  string    `json:"directory"`
	Container  string    `json:"container"`
	Reason     string    `json:"reason"`
	KnownMiner bool      `json:"known_miner"`
	Hidden     bool      `json:"hidden"`
	User       string    `json:"user"`
	SHA256     string    `json:"sha256"`
	Modified   time.Time `json:"modified,omitzero"`
	SizeBytes  int64     `json:"size_bytes"`
}

type jsonExposed struct {
	Protocol   string   `json:"protocol"`
	Address    string   `json:"address"`
	Port       uint16   `json:"port"`
	Endpoints  []string `json:"endpoints"` // of the host, where the port is published
	Scope      string   `json:"scope"`
	App        string   `json:"app"`
	Confidence string   `json:"confidence"`
	PID        int      `json:"pid"`
	Process    string   `json:"process"`
	Unit       string   `json:"unit"`
	Container  string   `json:"container"`

	ContainerDetails *jsonContainer `json:"container_details,omitempty"`

	Netns         string             `json:"netns"`     // inode number of its network namespace; "" for the host's
	Published     string             `json:"published"` // yes, no or unknown; "" in the host's namespace
	Auth          string             `json:"auth"`
	Asked         time.Time          `json:"asked,omitzero"`
	Version       string             `json:"version"`
	Failure       string             `json:"failure"` // why auth is unknown
	RunsCode      bool               `json:"runs_code"`
	SubmissionLog *jsonSubmissionLog `json:"flink_log,omitempty"`
}

type jsonSubmissionLog struct {
	Path    string           `json:"path"`
	Failure string           `json:"failure"`
	Recent  []jsonSubmission `json:"recent"` // oldest first
}

type jsonSubmission struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
	Text  string    `json:"text"`
	Peers []string  `json:"peers"` // connected about then
}
