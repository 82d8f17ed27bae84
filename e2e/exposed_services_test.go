package e2e

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// TestExposedRedis starts Debian's Redis in three ways that all listen to everybody.
// One lets everybody in, one wants a password, and one turns away whoever does
// not come from its own machine.
func TestExposedRedis(t *testing.T) {
	watching := startProbingExporter(t)
	for _, service := range []struct {
		name      string
		answer    string // to a stranger
		arguments []string
	}{
		{"open", "+PONG", []string{"--protected-mode", "no"}},
		{"password", "-NOAUTH", []string{"--requirepass", "correct horse battery staple"}},
		{"protected", "-DENIED", []string{"--protected-mode", "yes"}},
	} {
		in := addNamespace(t, "redis-"+service.name)
		in.start(t, "redis-server", append([]string{
			"--bind", "0.0.0.0", "--port", "6379", "--save", "", "--dir", "/",
		}, service.arguments...)...)
		eventually(t, 10*time.Second, "Redis answers "+service.answer, func() error {
			return answers(net.JoinHostPort(in.address, "6379"), "PING\r\n", service.answer)
		})
	}
	right := func() error {
		if err := exposed(watching.url, "redis", "none", 1); err != nil {
			return err
		}
		return exposed(watching.url, "redis", "required", 2)
	}
	eventually(t, time.Minute, "one Redis is open and two are not", right)
	stays(t, 5*time.Second, "one open Redis", right)
}

// answers returns an error unless a server's answer begins so.
func answers(address, question, wanted string) error {
	connection, err := net.DialTimeout("tcp4", address, time.Second)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	// A protected Redis speaks first and closes, so that writing may fail.
	_, _ = connection.Write([]byte(question))
	answer := make([]byte, 100)
	count, err := connection.Read(answer)
	if err != nil {
		return err
	}
	if got := string(answer[:count]); len(got) < len(wanted) || got[:len(wanted)] != wanted {
		return fmt.Errorf("it answers %q", got)
	}
	return nil
}

// TestExposedNginx puts Debian's nginx on Flink's port: a port alone is no Flink.
func TestExposedNginx(t *testing.T) {
	directory := directoryForNobody(t)
	config := writeFile(t, directory, "nginx.conf", fmt.Sprintf(`
daemon off;
error_log stderr;
pid %[1]s/pid;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  server {
    listen 0.0.0.0:8081;
    location / { return 200 '{"status":"ok"}'; }
  }
}
`, directory))
	own(t, config)
	in := addNamespace(t, "nginx")
	in.start(t, "nginx", "-c", config, "-e", "stderr")
	eventually(t, 10*time.Second, "nginx answers", func() error { return in.get(t, flinkPort, "/config") })

	watching := startProbingExporter(t)
	eventually(t, 30*time.Second, "the socket is seen", func() error {
		now, err := tryScrape(watching.url)
		if err != nil {
			return err
		}
		_, _, err = now.one("cryptojack_listening_socket_info", labels{"port": fmt.Sprint(flinkPort), "process": "nginx"})
		return err
	})
	stays(t, 15*time.Second, "nginx is no Flink", func() error { return notExposed(watching.url, "flink") })
}
