package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func catalogue(t *testing.T, extra ...Service) *Catalogue {
	t.Helper()
	c, err := New(extra...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	c := catalogue(t)
	flink := []string{"java", "-Xmx1g", "-cp", "lib/*", "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"}
	for _, test := range []struct {
		name       string
		protocol   model.Protocol
		port       uint16
		exe        string
		argv       []string
		app        string
		confidence model.Confidence
	}{
		{"Flink by its class", model.TCP, 8081, "/usr/bin/java", flink, "flink", model.ConfidenceEvidence},
		{"Flink on another port", model.TCP, 9999, "/usr/bin/java", flink, "flink", model.ConfidenceEvidence},
		{"8081 of an unknown program", model.TCP, 8081, "/opt/nexus/java", []string{"java", "org.sonatype.nexus"}, "flink", model.ConfidencePort},
		{"8081 of an unknown owner", model.TCP, 8081, "", nil, "flink", model.ConfidencePort},
		{"benign: nginx on 8081", model.TCP, 8081, "/usr/sbin/nginx", []string{"nginx: master process"}, "", ""},
		{"benign: Redis on Flink's port is Redis", model.TCP, 8081, "/usr/bin/redis-server", nil, "redis", model.ConfidenceEvidence},
		{"benign: UDP", model.UDP, 8081, "/usr/bin/java", flink, "", ""},
		{"benign: 9000 says nothing", model.TCP, 9000, "/usr/bin/x", nil, "", ""},
		{"Docker", model.TCP, 2375, "/usr/bin/dockerd", nil, "docker", model.ConfidenceEvidence},
		{"php-fpm on 9000", model.TCP, 9000, "/usr/sbin/php-fpm8.2", nil, "php-fpm", model.ConfidenceEvidence},
		{"Redis where it is a link to its own checker", model.TCP, 6380, "/usr/bin/redis-check-rdb", []string{"/usr/bin/redis-server 127.0.0.1:6380", "", ""}, "redis", model.ConfidenceEvidence},
		{"Redis, title with a path behind", model.TCP, 6380, "/usr/bin/redis-check-rdb", []string{"/usr/bin/redis-server unixsocket:/run/redis.sock"}, "redis", model.ConfidenceEvidence},
		{"Elasticsearch as a Java module", model.TCP, 9201, "/usr/bin/java", []string{"java", "-m", "org.elasticsearch.server/org.elasticsearch.bootstrap.Elasticsearch"}, "elasticsearch", model.ConfidenceEvidence},
		{"Jenkins by its archive", model.TCP, 8080, "/usr/bin/java", []string{"java", "-jar", "/usr/share/java/jenkins.war", "--httpPort=8080"}, "jenkins", model.ConfidenceEvidence},
		{"Confluence by its home", model.TCP, 8090, "/usr/bin/java", []string{"java", "-Dcatalina.home=/opt/atlassian/confluence", "org.apache.catalina.startup.Bootstrap"}, "confluence", model.ConfidenceEvidence},
		{"Ray's dashboard", model.TCP, 8266, "/usr/bin/python3.11", []string{"python3", "-u", "/usr/lib/python3/dist-packages/ray/dashboard/dashboard.py"}, "ray", model.ConfidenceEvidence},
		{"Salt in a title", model.TCP, 1, "/usr/bin/python3.11", []string{"/usr/bin/python3 /usr/bin/x", "/usr/bin/salt-master MainProcess"}, "salt", model.ConfidenceEvidence},
		{"Jupyter as two words", model.TCP, 7000, "/usr/bin/python3.11", []string{"python3", "/usr/local/bin/jupyter", "notebook"}, "jupyter", model.ConfidenceEvidence},
		{"Jupyter's script", model.TCP, 7000, "/usr/bin/python3.11", []string{"python3", "/usr/local/bin/jupyter-lab", "--ip=0.0.0.0"}, "jupyter", model.ConfidenceEvidence},
		{"benign: a kernel in a folder of that name", model.TCP, 7000, "/srv/jupyter-lab/bin/python3", []string{"/srv/jupyter-lab/bin/python", "-m", "ipykernel_launcher", "-f", "/run/jupyter/kernel-1.json"}, "", ""},
		{"benign: the class is only mentioned", model.TCP, 7000, "/usr/bin/java", []string{"java", "--exclude=org.apache.flink.x", "Main"}, "", ""},
		{"benign: nginx with a forged argument", model.TCP, 8081, "/usr/sbin/nginx", []string{"nginx", "org.apache.flink.x"}, "", ""},
		{"the program counts before the arguments", model.TCP, 8081, "/usr/bin/dockerd", flink, "docker", model.ConfidenceEvidence},
		{"Jupyter as a module", model.TCP, 7000, "/usr/bin/python3", []string{"python3", "-m", "jupyterlab"}, "jupyter", model.ConfidenceEvidence},
		{"Tomcat", model.TCP, 8080, "/usr/bin/java", []string{"java", "-Dcatalina.home=/usr/share/tomcat10", "org.apache.catalina.startup.Bootstrap", "start"}, "tomcat", model.ConfidenceEvidence},
		{"TeamCity, which runs in Tomcat", model.TCP, 8111, "/usr/bin/java", []string{"java", "-Dteamcity_logs=../logs/", "org.apache.catalina.startup.Bootstrap"}, "teamcity", model.ConfidenceEvidence},
		{"NameNode", model.TCP, 9870, "/usr/bin/java", []string{"java", "-Dproc_namenode", "org.apache.hadoop.hdfs.server.namenode.NameNode"}, "hadoop-hdfs", model.ConfidenceEvidence},
		{"ssh", model.TCP, 2222, "/usr/sbin/sshd", []string{"sshd: /usr/sbin/sshd -D [listener]"}, "ssh", model.ConfidenceEvidence},
		{"Next.js by its title", model.TCP, 3000, "/usr/bin/node", []string{"next-server (v15.3.0)"}, "nextjs", model.ConfidenceEvidence},
		{"Kubeflow by its arguments", model.TCP, 8888, "/bin/apiserver", []string{"/bin/apiserver", "--config=/config", "--sampleconfig=/config/sample_config.json"}, "kubeflow", model.ConfidenceEvidence},
		{"MLflow", model.TCP, 5000, "/usr/bin/python3.11", []string{"python3", "/usr/local/bin/mlflow", "server"}, "mlflow", model.ConfidenceEvidence},
		{"Spark master", model.TCP, 8080, "/usr/bin/java", []string{"java", "org.apache.spark.deploy.master.Master"}, "spark", model.ConfidenceEvidence},
	} {
		app, confidence := c.Identify(test.protocol, test.port, test.exe, c.Evidence(test.exe, test.argv))
		if app != test.app || confidence != test.confidence {
			t.Errorf("%s: got %q %q, want %q %q", test.name, app, confidence, test.app, test.confidence)
		}
	}
	for port, want := range map[uint16]string{
		8081: "flink", 2375: "docker", 6379: "redis", 8088: "hadoop-yarn", 8888: "jupyter", 8080: "spark", 7077: "spark",
		10250: "kubelet", 10255: "kubelet", 9200: "elasticsearch", 5432: "postgresql",
	} {
		if app, confidence := c.Identify(model.TCP, port, "/usr/bin/unknown", ""); app != want || confidence != model.ConfidencePort {
			t.Errorf("port %d: %q %q, want %q by port", port, app, confidence, want)
		}
	}
}

func TestDefaultIsComplete(t *testing.T) {
	t.Parallel()
	ports := map[uint16]string{}
	list, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 45 || len(list) > maxApps-8 {
		t.Errorf("%d services; leave room for those of users", len(list))
	}
	for _, service := range list {
		if !appPattern.MatchString(service.App) || service.Harm == "" || service.Remedy == "" || len(service.Executables)+len(service.CommandLine) == 0 {
			t.Errorf("incomplete: %+v", service)
		}
		for _, port := range service.Ports {
			if other, taken := ports[port]; taken {
				t.Errorf("port %d is claimed by %s and %s", port, other, service.App)
			}
			ports[port] = service.App
		}
	}
	if apps := catalogue(t).Apps(); !slices.IsSorted(apps) || len(apps) != len(list) {
		t.Errorf("apps %v", apps)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	c := catalogue(t, Service{App: "flink", Ports: []uint16{18081}}, Service{App: "mine", Executables: []string{"mine"}, Ports: []uint16{2375}})
	if app, _ := c.Identify(model.TCP, 2375, "/x", ""); app != "mine" {
		t.Errorf("2375 is %q, want the user's own claim", app)
	}
	if app, _ := c.Identify(model.TCP, 18081, "/x", ""); app != "flink" {
		t.Errorf("added port: %q", app)
	}
	if service, ok := c.Service("flink"); !ok || service.Harm == "" {
		t.Errorf("the entry lost its text: %+v", service)
	}
	var many []Service
	for i := range maxApps {
		many = append(many, Service{App: fmt.Sprint("app", i), Ports: []uint16{1}})
	}
	for want, extra := range map[string][]Service{
		"a-z, 0-9":                               {{App: "Bad", Ports: []uint16{1}}},
		"set ports":                              {{App: "none"}},
		"0 is no port":                           {{App: "zero", Ports: []uint16{0}}},
		"would match everything":                 {{App: "all", CommandLine: []string{""}}},
		"without /":                              {{App: "path", Executables: []string{"/usr/sbin/x"}}},
		"would match every":                      {{App: "blank", Executables: []string{" "}}},
		"at most 64":                             many,
		"app \"three\": at most 3 checks, not 4": {{App: "three", Ports: []uint16{1}, Checks: make([]Check, 4)}},
		"app \"c\", check 2: set either get or send": {{App: "c", Ports: []uint16{1}, Checks: []Check{
			{Get: "/", Shows: []string{"a"}}, {Get: "/", Send: "x", Shows: []string{"a"}},
		}}},
		"app \"asked\": 0 is no port": {{App: "asked", ProbePorts: []uint16{0}}},
	} {
		if _, err := New(extra...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	check := []Check{{Get: "/", Shows: []string{"a"}}}
	c := catalogue(t,
		Service{App: "mine", Ports: []uint16{8081}, Checks: check},
		Service{App: "docker", Ports: []uint16{12375}},
		Service{App: "elsewhere", Ports: []uint16{7}, ProbePorts: []uint16{8}, Checks: check},
		Service{App: "silent", Ports: []uint16{9}},
	)
	for port, want := range map[uint16][]string{
		8081:  {"mine", "flink", "druid"},
		8888:  {"jupyter", "druid", "kubeflow"},
		8080:  {"spark", "jenkins", "airflow", "zeppelin", "nifi", "open-webui"},
		2376:  {"docker"}, // the port alone is no sign
		12375: {"docker"}, // a port that is added is asked at
		7077:  nil,        // Spark's, but it speaks no HTTP
		7:     nil,
		8:     {"elsewhere"},
		9:     nil, // no checks
		3306:  nil,
	} {
		if got := c.Candidates(port); !slices.Equal(got, want) {
			t.Errorf("port %d: %v, want %v", port, got, want)
		}
	}
	if app, _ := c.Identify(model.TCP, 2376, "/x", ""); app != "" {
		t.Errorf("2376 alone is called %q", app)
	}
}

func TestMergeReplacesChecks(t *testing.T) {
	t.Parallel()
	c := catalogue(t, Service{App: "etcd", RunsCode: true, Checks: []Check{{Get: "/mine", Shows: []string{"a"}}}})
	service, _ := c.Service("etcd")
	if len(service.Checks) != 1 || service.Checks[0].Get != "/mine" || !service.RunsCode || service.Common || service.Harm == "" {
		t.Errorf("%+v", service)
	}
	if again, _ := catalogue(t).Service("etcd"); again.RunsCode || len(again.Checks) != 2 {
		t.Errorf("an addition changed the built-in entry: %+v", again)
	}
}

// TestDefaultJudgement holds what pages people: only who gets to run code.
func TestDefaultJudgement(t *testing.T) {
	t.Parallel()
	c := catalogue(t)
	for app, want := range map[string]struct{ runsCode, usual bool }{
		"flink": {true, false}, "docker": {true, false}, "redis": {true, false}, "elasticsearch": {}, "memcached": {}, "ssh": {true, true},
	} {
		if service, ok := c.Service(app); !ok || service.RunsCode != want.runsCode || service.Common != want.usual {
			t.Errorf("%s: %+v", app, service)
		}
	}
}

func TestNewKeepsTheCallersEntries(t *testing.T) {
	t.Parallel()
	ports := append(make([]uint16, 0, 8), 1)
	catalogue(t, Service{App: "mine", Ports: ports}, Service{App: "mine", Ports: []uint16{2}})
	if got := ports[:2]; got[1] != 0 {
		t.Errorf("the caller's memory was written to: %v", got)
	}
}

// TestEvidenceIsBounded shows that only the first arguments are looked at.
func TestEvidenceIsBounded(t *testing.T) {
	t.Parallel()
	c := catalogue(t)
	argv := append(slices.Repeat([]string{""}, maxArguments-1), "org.apache.flink.X")
	if got := c.Evidence("/usr/bin/java", argv); got != "flink" {
		t.Errorf("argument %d: %q", maxArguments, got)
	}
	if got := c.Evidence("/usr/bin/java", append([]string{""}, argv...)); got != "" {
		t.Errorf("argument %d: %q", maxArguments+1, got)
	}
}

// FuzzEvidence gives any bytes as a command line, which a process may have.
func FuzzEvidence(f *testing.F) {
	f.Add("/usr/bin/java", "java\x00org.apache.flink.X")
	f.Add("", "/ /\x00//\x00 ")
	f.Add("/php-fpm8.2", "\xff/ray/dashboard/dashboard.py")
	c, err := New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, exe, line string) {
		app := c.Evidence(exe, strings.Split(line, "\x00"))
		if _, ok := c.Service(app); app != "" && !ok {
			t.Errorf("%q is in no catalogue", app)
		}
	})
}

func BenchmarkEvidence(b *testing.B) {
	c, err := New()
	if err != nil {
		b.Fatal(err)
	}
	for name, argv := range map[string][]string{
		"jvm":     append(slices.Repeat([]string{"-Dsome.option=/with/a/path"}, 60), "-cp", strings.Repeat("/opt/x/lib/y.jar:", 1000), "Main"),
		"hostile": slices.Repeat([]string{"/ /"}, 20_000),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if app := c.Evidence("/usr/bin/java", argv); app != "" {
					b.Fatal(app)
				}
			}
		})
	}
}

// TestParts tells a TaskManager, which nobody submits to, from a JobManager.
func TestParts(t *testing.T) {
	t.Parallel()
	c := catalogue(t)
	for class, want := range map[string]bool{
		"org.apache.flink.runtime.taskexecutor.TaskManagerRunner":                   true,
		"org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint":    false,
		"org.apache.flink.kubernetes.taskmanager.KubernetesTaskExecutorRunner":      true,
		"org.apache.flink.kubernetes.entrypoint.KubernetesSessionClusterEntrypoint": false,
	} {
		argv := []string{"java", "-Xmx1g", class, "--configDir", "/opt/flink/conf"}
		if got := c.InternalComponent(c.Evidence("/usr/bin/java", argv), argv); got != want || c.Evidence("/usr/bin/java", argv) != "flink" {
			t.Errorf("%s: part %v, want %v", class, got, want)
		}
	}
	if c.InternalComponent("", []string{"x"}) || c.InternalComponent("redis", []string{"redis-server"}) {
		t.Error("what has no parts is one")
	}
}

// TestLogFile finds the log that a JobManager's start script names.
func TestLogFile(t *testing.T) {
	t.Parallel()
	c := catalogue(t)
	for want, argv := range map[string][]string{
		"/opt/flink/log/a\xff.log": {"java", "-Xmx1g", "-Dlog.file=/opt/flink/log/a\xff.log", "-Dlog.file=/other"},
		"/b":                       {"-Dlog.file=relative", "-Dlog.file=/" + strings.Repeat("x", maxPath), "-Dlog.file=/b"},
		"":                         {"-Dlog.file", "log.file=/c", "x-Dlog.file=/d"},
	} {
		if got := c.LogFile("flink", argv); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := c.LogFile("redis", argv); got != "" {
			t.Errorf("%q of a service that has no such log", got)
		}
	}
	again := catalogue(t, Service{App: "flink", SubmissionLog: &SubmissionLog{Argument: "-l="}, Ports: []uint16{1}})
	if got := again.LogFile("flink", []string{"-Dlog.file=/a", "-l=/b"}); got != "/b" {
		t.Errorf("the user's own argument: %q", got)
	}
	if _, err := New(Service{App: "mine", Ports: []uint16{1}, SubmissionLog: &SubmissionLog{Argument: "-l"}}); err == nil {
		t.Error("a log that no code can read is taken")
	}
}
