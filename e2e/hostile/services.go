package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// serviceTrials are about sockets, services that are asked, their logs, and files of container runtimes.
func serviceTrials() []trial {
	return []trial{
		{
			name: "5,000 listening sockets", short: true,
			does: "A process listens on 5,000 ports (1,000 in the short form).",
			act: func(s *session) error {
				for range s.scale(1000, 5000) {
					listener, err := net.Listen("tcp", "127.9.9.9:0")
					if err != nil {
						return err
					}
					s.later(listener.Close)
				}
				return nil
			},
			told: []string{`cryptojack_listening_sockets{protocol="tcp",scope="loopback"} rises by 1000`},
		},
		{
			name:   "services that answer for ever",
			does:   "On the ports of known services something sends headers, a body or a line without an end, says nothing, or sends whoever asks elsewhere.",
			act:    endlessServices,
			told:   []string{`cryptojack_last_sample_timestamp_seconds{sensor="services"} rises`},
			within: 2 * time.Minute,
		},
		{
			name:  "a log of Flink that lies",
			does:  "What looks like a Flink of the user nobody writes a log with forged jars, names full of escape sequences and a line of 1 GB, and swaps it for a link to /etc/shadow.",
			act:   lyingLog,
			told:  []string{`cryptojack_flink_log_events_total{event="jar_run"} rises`, `cryptojack_visibility_ratio{aspect="flink_log"} is at most 0.99`},
			found: []string{`exposed_service.*Flink's log`},
			notFound: []string{
				`root:[$!*x]`, // of /etc/shadow
			},
		},
		{
			name: "files of a container runtime that lie", short: true,
			does: "The files in which CNI keeps which ports it forwards are nested 100,000 levels deep, 100 MB large, a FIFO and a link to /dev/zero.",
			act:  lyingRuntime,
			told: []string{`cryptojack_last_sample_timestamp_seconds{sensor="sockets"} rises`},
		},
		{
			name: "a million users",
			does: "The /etc/passwd that the exporter sees has a million users, each with a home of its own.",
			before: func(s *session) ([]string, error) {
				directory, err := s.scratch(s.set.directory)
				if err != nil {
					return nil, err
				}
				users := bytes.NewBufferString("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n")
				for i := range s.scale(100_000, 1_000_000) {
					fmt.Fprintf(users, "u%d:x:%d:%d::/home/u%d:/bin/sh\n", i, 100_000+i, 100_000+i, i)
				}
				many := filepath.Join(directory, "passwd")
				if err := os.WriteFile(many, users.Bytes(), 0o644); err != nil {
					return nil, err
				}
				// In a mount namespace of the exporter's own, so that nobody else sees it.
				return []string{"unshare", "--mount", "--propagation=private", "sh", "-c", "mount --bind " + many + ` /etc/passwd && exec "$@"`, "sh"}, nil
			},
			act: func(s *session) error { return s.target.samples(s, 3) },
			log: `users`,
		},
	}
}

// outward gives this host an address that nobody else reaches, for as long as the trial takes.
func (s *session) outward() (string, error) {
	device := fmt.Sprintf("hostile%d", os.Getpid()%100000)
	address := fmt.Sprintf("10.203.%d.1", os.Getpid()%250)
	for i, arguments := range [][]string{{"link", "add", device, "type", "veth", "peer", "name", device + "p"}, {"link", "set", device + "p", "up"}, {"address", "add", address + "/32", "dev", device}, {"link", "set", device, "up"}} {
		said, err := exec.CommandContext(s, "ip", arguments...).CombinedOutput()
		if err != nil && i == 0 {
			return "", absentf("no virtual link: %s", said)
		}
		if err != nil {
			return "", fmt.Errorf("ip %s: %w: %s", strings.Join(arguments, " "), err, said)
		}
		if i == 0 {
			s.later(func() error { return exec.Command("ip", "link", "delete", device).Run() })
		}
	}
	return address, nil
}

// endless are what services do with whoever asks, by port.
func endless(own string) map[int]func(net.Conn) error {
	repeat := func(beginning, piece string) func(net.Conn) error {
		return func(conn net.Conn) error {
			_, err := conn.Write([]byte(beginning))
			for err == nil {
				_, err = conn.Write([]byte(piece))
			}
			return err
		}
	}
	return map[int]func(net.Conn) error{
		8081: repeat("HTTP/1.1 200 OK\r\n", "X-Endless: "+strings.Repeat("x", 1000)+"\r\n"),
		8088: repeat("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3e8\r\n"+strings.Repeat("{", 1000)+"\r\n"),
		9200: func(conn net.Conn) error {
			_, err := fmt.Fprintf(conn, "HTTP/1.1 302 Found\r\nLocation: http://%s:9200/again\r\nContent-Length: 0\r\n\r\n", own)
			return err
		},
		6379: repeat("", strings.Repeat("$", 1000)),
		2375: func(conn net.Conn) error {
			_, err := conn.Read(make([]byte, 1<<20))
			for err == nil {
				_, err = conn.Read(make([]byte, 1<<20))
			}
			return err
		},
	}
}

// mostAsked is how many requests one socket may get, as docs/services.md promises.
const mostAsked = 6

func endlessServices(s *session) error {
	address, err := s.outward()
	if err != nil {
		return err
	}
	asked := map[int]*atomic.Int64{}
	var serving sync.WaitGroup
	for port, answer := range endless(address) {
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", address, port))
		if err != nil {
			return err
		}
		times := &atomic.Int64{}
		asked[port] = times
		serving.Go(func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				times.Add(1)
				serving.Go(func() {
					_ = conn.SetDeadline(time.Now().Add(time.Minute))
					_ = answer(conn) // it ends when the exporter has enough
					_ = conn.Close()
				})
			}
		})
		s.later(func() error {
			err := listener.Close()
			return err
		})
	}
	path := filepath.Join(s.set.directory, "exporter.yml")
	good, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte("probe: true\n"), 0o644); err != nil {
		return err
	}
	s.later(func() error { return errors.Join(os.WriteFile(path, good, 0o644), s.reload(1)) })
	if err := s.reload(1); err != nil {
		return err
	}
	if err := eventually(s, 2*time.Minute, "each service is asked", func() error {
		for port, times := range asked {
			if times.Load() == 0 {
				return fmt.Errorf("port %d was not asked", port)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := programs.Pause(s, 5*time.Second); err != nil {
		return err
	}
	for port, times := range asked {
		if times.Load() > mostAsked {
			return fmt.Errorf("port %d was asked %d times, at most %d are promised", port, times.Load(), mostAsked)
		}
	}
	return nil
}

// lyingLog plays what the incident came by, with a log that is made to fool.
func lyingLog(s *session) error {
	address, err := s.outward()
	if err != nil {
		return err
	}
	directory, err := s.scratch("/var/lib")
	if err != nil {
		return err
	}
	if err := os.Chown(directory, programs.Nobody, programs.Nobody); err != nil {
		return err
	}
	path := filepath.Join(directory, "flink.log")
	write := func(text string) error {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		_, err = file.WriteString(text)
		return errors.Join(err, file.Chown(programs.Nobody, programs.Nobody), file.Close())
	}
	line := func(text string) string {
		return time.Now().Format("2006-01-02 15:04:05,000") + " INFO  " + text + "\n"
	}
	const run = "org.apache.flink.client.ClientUtils                          [] - Starting program (detached: true)"
	if err := write(line("org.apache.flink.runtime.entrypoint.ClusterEntrypoint [] - Starting StandaloneSessionClusterEntrypoint")); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address+":0")
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return err
	}
	service := s.actorDoes("listen", fmt.Sprint(port), "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint", "-Dlog.file="+path)
	service.Env = append(os.Environ(), "ACTOR_ADDRESS="+address)
	programs.AsNobody(service)
	if _, err := s.startReady(service); err != nil {
		return err
	}
	if err := eventually(s, usualWait, "the log is followed", func() error {
		if err := write(line(run)); err != nil {
			return err
		}
		now, err := s.target.scrape(s)
		if err != nil {
			return err
		}
		if runs, err := now.sum(`cryptojack_flink_log_events_total{event="jar_run"}`); err != nil || runs == 0 {
			return errors.Join(err, errors.New("no run was counted"))
		}
		return nil
	}); err != nil {
		return err
	}
	forged := line("org.apache.flink.runtime.webmonitor.handlers.JarRunHandler [] - Starting program \x1b[2J\u202e /etc/shadow \xff\xfe \x00") + line(run+strings.Repeat(" forged\r", 1000))
	if err := write(strings.Repeat(forged, 1000)); err != nil {
		return err
	}
	stat, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.Truncate(path, stat.Size()+1<<30); err != nil { // a line of 1 GB of zeros
		return err
	}
	if err := errors.Join(write("\n"+line(run)), programs.Pause(s, 6*time.Second)); err != nil {
		return err
	}
	for _, swap := range []func() error{
		func() error { return os.Symlink("/etc/shadow", path) },
		func() error { return unix.Mkfifo(path, 0o644) },
		func() error { return os.Mkdir(path, 0o755) },
		func() error { return os.Symlink("/etc/shadow", path) },
	} {
		if err := errors.Join(os.RemoveAll(path), swap(), os.Lchown(path, programs.Nobody, programs.Nobody), programs.Pause(s, 3*time.Second)); err != nil {
			return err
		}
	}
	return nil
}

func lyingRuntime(s *session) error {
	const top = "/var/lib/cni"
	if _, err := os.Lstat(top); err == nil {
		return absentf("%s is there: it is left alone", top)
	}
	results := filepath.Join(top, "results")
	if err := os.MkdirAll(results, 0o755); err != nil {
		return err
	}
	s.later(func() error { return os.RemoveAll(top) })
	at := func(name string) string { return filepath.Join(results, name) }
	return errors.Join(
		os.WriteFile(at("deep"), []byte(strings.Repeat(`{"result":`, 100_000)), 0o644),
		os.WriteFile(at("lists"), []byte(strings.Repeat("[", 100_000)), 0o644),
		os.WriteFile(at("bytes"), []byte("{\"containerId\": \"\xff\x1b[2J\", \"capabilityArgs\": {\"portMappings\": [{\"hostPort\": 1e99}]}}"), 0o644),
		os.WriteFile(at("large"), bytes.Repeat([]byte(`{"containerId":"x"},`), 100<<20/20), 0o644),
		unix.Mkfifo(at("fifo"), 0o644),
		os.Symlink("/dev/zero", at("zero")),
		os.Symlink(at("circle"), at("circle")),
	)
}
