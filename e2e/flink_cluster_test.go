package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	flinkHome = "/opt/cryptojack-e2e-flink"
	flinkPort = 8081
)

// flinkLogging is what Flink's distribution has as conf/log4j.properties.
const flinkLogging = `
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = MainAppender
appender.main.name = MainAppender
appender.main.type = RollingFile
appender.main.append = true
appender.main.fileName = ${sys:log.file}
appender.main.filePattern = ${sys:log.file}.%i
appender.main.layout.type = PatternLayout
appender.main.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n
appender.main.policies.type = Policies
appender.main.policies.size.type = SizeBasedTriggeringPolicy
appender.main.policies.size.size = 100MB
appender.main.strategy.type = DefaultRolloverStrategy
appender.main.strategy.max = 10
`

// flink is a standalone cluster, installed as administrators do.
type flink struct {
	in          netNamespace
	address     string // of REST, for the host
	jobManager  *process
	taskManager *process
}

// installFlink lays Flink out under /opt, where nobody may read it whatever the
// directory of this repository allows. It goes with the test.
func installFlink(t *testing.T, in netNamespace) *flink {
	t.Helper()
	jars := program(t, "flink/lib")
	if err := os.RemoveAll(flinkHome); err != nil { // of a killed test
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(flinkHome) })
	for _, directory := range []string{"conf", "lib", "log", "temporary"} {
		if err := os.MkdirAll(filepath.Join(flinkHome, directory), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	own(t, flinkHome+"/log", flinkHome+"/temporary")
	if err := os.CopyFS(filepath.Join(flinkHome, "lib"), os.DirFS(jars)); err != nil {
		t.Fatal(err)
	}
	installed := &flink{in: in, address: net.JoinHostPort(in.address, fmt.Sprint(flinkPort))}
	installed.configure(t, "log4j.properties", flinkLogging)
	return installed
}

func (f *flink) configure(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(flinkHome, "conf", name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// start starts the JobManager and then the TaskManager. Lines of configuration
// may be added.
func (f *flink) start(t *testing.T, configuration ...string) {
	t.Helper()
	f.configure(t, "config.yaml", strings.Join(append([]string{
		"jobmanager.rpc.address: 127.0.0.1",
		"jobmanager.bind-host: 127.0.0.1",
		"jobmanager.memory.process.size: 700m",
		"taskmanager.host: 127.0.0.1",
		"taskmanager.bind-host: 127.0.0.1",
		"taskmanager.memory.process.size: 700m",
		"rest.address: 0.0.0.0",
		fmt.Sprint("rest.port: ", flinkPort),
		"io.tmp.dirs: " + flinkHome + "/temporary",
	}, configuration...), "\n")+"\n")

	f.jobManager = f.startJVM(t, "standalonesession",
		"org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint", "--executionMode", "cluster")
	took := eventually(t, time.Minute, "Flink answers within its namespace", func() error {
		if f.jobManager.Ended() != nil {
			return fmt.Errorf("it has ended: %s", f.jobManager.output)
		}
		return f.in.get(t, flinkPort, "/overview")
	})
	t.Logf("Flink needed %s to start", took.Round(time.Millisecond))
	f.taskManager = f.startJVM(t, "taskexecutor", "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
		// What Flink's script works out of the configured 700 MB.
		"-D", "taskmanager.cpu.cores=1.0",
		"-D", "taskmanager.memory.framework.heap.size=134217728b",
		"-D", "taskmanager.memory.framework.off-heap.size=134217728b",
		"-D", "taskmanager.memory.jvm-metaspace.size=167772160b",
		"-D", "taskmanager.memory.jvm-overhead.max=201326592b",
		"-D", "taskmanager.memory.jvm-overhead.min=201326592b",
		"-D", "taskmanager.memory.managed.size=67108864b",
		"-D", "taskmanager.memory.network.max=67108864b",
		"-D", "taskmanager.memory.network.min=67108864b",
		"-D", "taskmanager.memory.task.heap.size=26843542b",
		"-D", "taskmanager.memory.task.off-heap.size=0b")
}

// startJVM starts a part of Flink with the command line that its script
// bin/flink-daemon.sh makes, and compiles less for a short life.
func (f *flink) startJVM(t *testing.T, part, class string, arguments ...string) *process {
	t.Helper()
	jars, err := filepath.Glob(flinkHome + "/lib/*.jar")
	if err != nil || len(jars) == 0 {
		t.Fatalf("no Flink in %s: %v", flinkHome, err)
	}
	log := fmt.Sprintf("%s/log/flink-nobody-%s-0-e2e.log", flinkHome, part)
	if err := os.Rename(log, log+".1"); err != nil && !os.IsNotExist(err) { // as the script does
		t.Fatal(err)
	}
	command := []string{"-Xmx256m", "-Xms64m", "-XX:MaxMetaspaceSize=160m", "-XX:TieredStopAtLevel=1"}
	for _, name := range []string{"lang", "net", "io", "nio", "lang.reflect", "text", "time", "util", "util.concurrent"} {
		command = append(command, "--add-opens=java.base/java."+name+"=ALL-UNNAMED")
	}
	command = append(command,
		"-Dlog.file="+log,
		"-Dlog4j.configuration=file:"+flinkHome+"/conf/log4j.properties",
		"-Dlog4j.configurationFile=file:"+flinkHome+"/conf/log4j.properties",
		"-Dlogback.configurationFile=file:"+flinkHome+"/conf/logback.xml",
		"-classpath", strings.Join(jars, ":"), class, "--configDir", flinkHome+"/conf")
	return f.in.start(t, "java", append(command, arguments...)...)
}

func (f *flink) stop(t *testing.T) {
	t.Helper()
	f.taskManager.stop(t)
	f.jobManager.stop(t)
}

// version is what Flink says of itself.
func (f *flink) version(t *testing.T) string {
	t.Helper()
	var overview struct {
		Version string `json:"flink-version"`
	}
	response, err := http.Get("http://" + f.address + "/overview")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&overview); err != nil || overview.Version == "" {
		t.Fatalf("Flink gives no version: %v", err)
	}
	return overview.Version
}

// upload uploads a jar as anybody can, and returns the id that Flink gives it.
func (f *flink) upload(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("jarfile", filepath.Base(path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	status, answer := f.post(t, "/jars/upload", form.FormDataContentType(), &body)
	var uploaded struct {
		Filename string `json:"filename"`
	}
	if err := json.Unmarshal([]byte(answer), &uploaded); err != nil || status != http.StatusOK {
		t.Fatalf("upload: %d %s", status, answer)
	}
	return filepath.Base(uploaded.Filename)
}

// run runs the uploaded jar with one argument. There is no job in it, so Flink
// complains once it has run.
func (f *flink) run(t *testing.T, jar, argument string) {
	t.Helper()
	body, err := json.Marshal(map[string][]string{"programArgsList": {argument}})
	if err != nil {
		t.Fatal(err)
	}
	status, answer := f.post(t, "/jars/"+jar+"/run", "application/json", bytes.NewReader(body))
	if status != http.StatusInternalServerError && status != http.StatusBadRequest || !strings.Contains(answer, "No jobs included") {
		t.Fatalf("run: %d %s", status, answer)
	}
}

func (f *flink) post(t *testing.T, path, contentType string, body io.Reader) (int, string) {
	t.Helper()
	client := http.Client{Timeout: 30 * time.Second}
	response, err := client.Post("http://"+f.address+path, contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// resetConnection sends half a request and drops the connection as scanners do:
// Flink reads "Connection reset".
func (f *flink) resetConnection(t *testing.T) {
	t.Helper()
	connection, err := net.Dial("tcp4", f.address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, "GET /overview HTTP/1.1\r\nHost: flink\r\n"); err != nil {
		t.Fatal(err)
	}
	// A reset at once might overtake the accept.
	eventually(t, 5*time.Second, "Flink has read half of a request", func() error {
		return f.hasRead(connection.LocalAddr().(*net.TCPAddr).Port)
	})
	if err := connection.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := connection.Close(); err != nil {
		t.Fatal(err)
	}
}

// hasRead returns an error unless Flink has accepted the connection from a port of
// the host and read all that came by it (/proc/net/tcp in proc(5)).
func (f *flink) hasRead(port int) error {
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp6", f.jobManager.PID))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(table)) {
		// The third column is the peer's address, the fifth SENDING:RECEIVED in bytes.
		columns := strings.Fields(line)
		if len(columns) > 4 && strings.HasSuffix(columns[2], fmt.Sprintf(":%04X", port)) && strings.HasSuffix(columns[4], ":00000000") {
			return nil
		}
	}
	return fmt.Errorf("no connection from port %d was read:\n%s", port, table)
}
