package probe_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// asked are the built-in services that have checks.
func asked(t testing.TB) []catalogue.Service {
	t.Helper()
	list, err := catalogue.Default()
	if err != nil {
		t.Fatal(err)
	}
	var with []catalogue.Service
	for _, service := range list {
		if len(service.Checks) > 0 {
			with = append(with, service)
		}
	}
	return with
}

func candidate(service *catalogue.Service) []catalogue.Candidate {
	return []catalogue.Candidate{{App: service.App, Checks: service.Checks}}
}

// each runs a test for every service, in a bubble where time is not waited for.
func each(t *testing.T, test func(t *testing.T, service *catalogue.Service)) {
	for _, service := range asked(t) {
		t.Run(service.App, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, &service) })
		})
	}
}

// compare compares an answer with what a scenario wants.
func compare(t *testing.T, name, app string, want *scenario, answer *model.Answer) {
	t.Helper()
	if want.Want.App != nil {
		app = *want.Want.App
	}
	lowered := answer.Lowered != ""
	if answer.Auth != want.Want.Auth || answer.App != app || answer.Version != want.Want.Version || lowered != want.Want.Lowered {
		t.Errorf("%s: got %+v, want %s with %+v", name, *answer, app, want.Want)
	}
}

func TestCatalogueAnswers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, service *catalogue.Service) {
		all := scenarios(t, service.App)
		opens := false
		for _, check := range service.Checks {
			opens = opens || check.Open
		}
		for _, name := range []string{"open", "closed"} {
			if _, ok := all[name]; opens && !ok {
				t.Errorf("there is no answer called %s", name)
			}
		}
		if _, ok := all["identified"]; !opens && !ok {
			t.Error("there is no answer called identified")
		}
		for name, s := range all {
			answer, _ := ask(t, candidate(service), s.serve)
			compare(t, name, service.App, &s, &answer)
		}
	})
}

func TestCatalogueOverTLS(t *testing.T) {
	t.Parallel()
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	each(t, func(t *testing.T, service *catalogue.Service) {
		for name, s := range scenarios(t, service.App) {
			if service.App == "kubelet" {
				s.Want.Lowered = false // it is the port that runs commands
			}
			for _, refuse := range []string{
				"\x15\x03\x01\x00\x02\x02\x46", // protocol_version
				"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
				"",
			} {
				if refuse != "" && refuse[0] != 0x15 && service.Checks[0].Send != "" || refuse == "" && service.Checks[0].Send != "" {
					continue // only an alert shows them that TLS is wanted
				}
				answer, _ := ask(t, candidate(service), overTLS(config, refuse, s.serve))
				compare(t, name, service.App, &s, &answer)
			}
		}
	})
}

// TestCatalogueClientCertificate asks servers that let in only whom they know.
func TestCatalogueClientCertificate(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: version}
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, service *catalogue.Service) {
				answer, _ := ask(t, candidate(service), overTLS(config, "\x15\x03\x01\x00\x02\x02\x46", func(net.Conn) {}))
				if answer.Auth != model.AuthRequired || answer.App != "" {
					t.Errorf("got %+v", answer)
				}
			})
		})
	}
}

// TestCatalogueOthers puts other services on the ports.
func TestCatalogueOthers(t *testing.T) {
	t.Parallel()
	nothing := scenario{}
	garbage := bytes.Repeat([]byte("\x00\xff\x13garbage"), 20)
	for name, serve := range map[string]func(net.Conn){
		"404": nothing.serve,
		"page": func(conn net.Conn) {
			readRequest(conn)
			page := "<!DOCTYPE html><html><body>" + strings.Repeat("Welcome to our shop, where the version is new. ", 40) + "</body></html>"
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(page), page)
		},
		"garbage": func(conn net.Conn) { readRequest(conn); conn.Write(garbage) },
		"ssh":     func(conn net.Conn) { readRequest(conn); io.WriteString(conn, "SSH-2.0-OpenSSH_9.6\r\n") },
		"http 0.9": func(conn net.Conn) {
			readRequest(conn)
			io.WriteString(conn, "<html>welcome</html>\n")
		},
		"other JSON": func(conn net.Conn) {
			readRequest(conn)
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"status\":\"healthy\"}\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, service *catalogue.Service) {
				answer, _ := ask(t, candidate(service), serve)
				if !answer.OtherApp || answer.Auth != model.AuthUnknown || answer.Version != "" {
					t.Errorf("got %+v", answer)
				}
			})
		})
	}
}

// TestCatalogueHostile puts what wants to hold the prober up on the ports.
func TestCatalogueHostile(t *testing.T) {
	t.Parallel()
	endless := func(start, more string) func(net.Conn) {
		return func(conn net.Conn) {
			readRequest(conn)
			more := []byte(more)
			for _, err := io.WriteString(conn, start); err == nil; {
				_, err = conn.Write(more)
			}
		}
	}
	drip := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			readRequest(conn)
			for {
				for i := range len(text) {
					if _, err := conn.Write([]byte{text[i]}); err != nil {
						return
					}
					time.Sleep(50 * time.Millisecond)
				}
			}
		}
	}
	for name, serve := range map[string]func(net.Conn){
		"endless JSON":   endless("HTTP/1.1 200 OK\r\n\r\n", `{"a":[{},`+strings.Repeat(`[{"b":"`, 500)+strings.Repeat("x", 500)),
		"endless list":   endless("HTTP/1.1 200 OK\r\n\r\n[", strings.Repeat("[", 1000)),
		"endless header": endless("HTTP/1.1 200 OK\r\n", "X-Header: y\r\n"),
		"endless line":   endless("HTTP/1.1 200 OK\r\nX: ", strings.Repeat("x", 1000)),
		"endless 1xx":    endless("", "HTTP/1.1 100 Continue\r\n\r\n"),
		"endless chunks": endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\n{{{\r\n"),
		"chunk's header": endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("0", 1000)),
		"slow":           drip("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{\"a\":\""),
		"silent":         func(conn net.Conn) { readRequest(conn); io.Copy(io.Discard, conn) },
		"deaf":           func(net.Conn) { time.Sleep(10 * time.Second) },
		"slow TLS":       drip("\x15\x03\x01\x00\x02\x02\x46"),
		"hangs up":       func(conn net.Conn) { readRequest(conn) },
		"hangs up midway": func(conn net.Conn) {
			readRequest(conn)
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"a\":")
		},
		"unwell": func(conn net.Conn) {
			readRequest(conn)
			io.WriteString(conn, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, service *catalogue.Service) {
				answer, _ := ask(t, candidate(service), serve)
				if answer.Auth != model.AuthUnknown || answer.App != "" {
					t.Errorf("got %+v", answer)
				}
			})
		})
	}
}

// TestNoAnswersWithoutService finds answers that nobody asks for any more.
func TestNoAnswersWithoutService(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, service := range asked(t) {
		known[service.App+".yml"] = true
	}
	entries, err := os.ReadDir("testdata/answers")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !known[entry.Name()] {
			t.Errorf("%s belongs to no service with checks", entry.Name())
		}
	}
}
