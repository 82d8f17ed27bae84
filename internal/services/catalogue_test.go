package services

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
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
		protocol   host.Protocol
		port       uint16
		exe        string
		argv       []string
		app        string
		confidence host.Confidence
	}{
		{"Flink by its class", host.TCP, 8081, "/usr/bin/java", flink, "flink", host.ConfidenceEvidence},
		{"Flink on another port", host.TCP, 9999, "/usr/bin/java", flink, "flink", host.ConfidenceEvidence},
		{"8081 of an unknown program", host.TCP, 8081, "/opt/nexus/java", []string{"java", "org.sonatype.nexus"}, "flink", host.ConfidencePort},
		{"8081 of an unknown owner", host.TCP, 8081, "", nil, "flink", host.ConfidencePort},
		{"twin: nginx on 8081", host.TCP, 8081, "/usr/sbin/nginx", []string{"nginx: master process"}, "", ""},
		{"twin: Redis on Flink's port is Redis", host.TCP, 8081, "/usr/bin/redis-server", nil, "redis", host.ConfidenceEvidence},
		{"twin: UDP", host.UDP, 8081, "/usr/bin/java", flink, "", ""},
		{"twin: 9000 says nothing", host.TCP, 9000, "/usr/bin/x", nil, "", ""},
		{"Docker", host.TCP, 2375, "/usr/bin/dockerd", nil, "docker", host.ConfidenceEvidence},
		{"php-fpm on 9000", host.TCP, 9000, "/usr/sbin/php-fpm8.2", nil, "php-fpm", host.ConfidenceEvidence},
		{"Jupyter as a module", host.TCP, 7000, "/usr/bin/python3", []string{"python3", "-m", "jupyterlab"}, "jupyter", host.ConfidenceEvidence},
		{"Spark master", host.TCP, 8080, "/usr/bin/java", []string{"java", "org.apache.spark.deploy.master.Master"}, "spark", host.ConfidenceEvidence},
	} {
		app, confidence := c.Identify(test.protocol, test.port, test.exe, test.argv)
		if app != test.app || confidence != test.confidence {
			t.Errorf("%s: got %q %q, want %q %q", test.name, app, confidence, test.app, test.confidence)
		}
	}
	for port, want := range map[uint16]string{
		8081: "flink", 2375: "docker", 6379: "redis", 8088: "hadoop-yarn", 8888: "jupyter", 8080: "spark", 7077: "spark",
		10250: "kubelet", 10255: "kubelet", 9200: "elasticsearch", 5432: "postgresql",
	} {
		if app, confidence := c.Identify(host.TCP, port, "/usr/bin/unknown", nil); app != want || confidence != host.ConfidencePort {
			t.Errorf("port %d: %q %q, want %q by port", port, app, confidence, want)
		}
	}
}

func TestDefaultIsComplete(t *testing.T) {
	t.Parallel()
	ports := map[uint16]string{}
	for _, service := range Default() {
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
	if apps := catalogue(t).Apps(); !slices.IsSorted(apps) || len(apps) != len(Default()) {
		t.Errorf("apps %v", apps)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	c := catalogue(t, Service{App: "flink", Ports: []uint16{18081}}, Service{App: "mine", Executables: []string{"mine"}})
	if app, _ := c.Identify(host.TCP, 18081, "/x", nil); app != "flink" {
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
		"a-z, 0-9":               {{App: "Bad", Ports: []uint16{1}}},
		"set ports":              {{App: "none"}},
		"0 is no port":           {{App: "zero", Ports: []uint16{0}}},
		"would match everything": {{App: "all", CommandLine: []string{""}}},
		"at most 64":             many,
	} {
		if _, err := New(extra...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
