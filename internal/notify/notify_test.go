package notify

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// receiver answers as it is told, and keeps what it is sent.
type receiver struct {
	mu      sync.Mutex
	got     []string
	answers []int // of the next requests; 200 after that
	retry   string
	came    chan struct{}
}

func (r *receiver) ServeHTTP(out http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mu.Lock()
	status := http.StatusOK
	if len(r.answers) > 0 {
		status, r.answers = r.answers[0], r.answers[1:]
	}
	if status == http.StatusFound {
		out.Header().Set("Location", "/elsewhere")
	}
	if r.retry != "" {
		out.Header().Set("Retry-After", r.retry)
	}
	r.got = append(r.got, request.Header.Get("Authorization")+" "+string(body))
	r.mu.Unlock()
	out.WriteHeader(status)
	fmt.Fprint(out, "no\x1b[31m<secret>")
	r.came <- struct{}{}
}

func (r *receiver) messages() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.got...)
}

// clock is a time that goes on only where somebody waits for it.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	waits []time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pause(_ context.Context, d time.Duration) {
	time.Sleep(time.Millisecond) // an hour takes some seconds, in which a test can do something
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	c.waits = append(c.waits, d)
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// bench is a notifier at work.
type bench struct {
	*Notifier
	*receiver
	clock   *clock
	webhook atomic.Pointer[Webhook]
	log     *lockedBuffer
}

func run(t *testing.T, server *httptest.Server, r *receiver) *bench {
	t.Helper()
	b := &bench{receiver: r, clock: &clock{at: noon}, log: &lockedBuffer{}}
	address, err := url.Parse(server.URL + "/T0KEN")
	if err != nil {
		t.Fatal(err)
	}
	b.webhook.Store(&Webhook{URL: address, Format: Ntfy})
	b.Notifier = New(Options{
		Webhook: b.webhook.Load, Version: "1", Now: b.clock.now, Pause: b.clock.pause, Logger: log.NewLogfmtLogger(b.log),
		Describe: func(findings []model.Finding) Message {
			m := Message{Host: "h", Time: noon}
			for i := range findings {
				m.Findings = append(m.Findings, Finding{Rule: findings[i].Rule, Title: findings[i].ID})
			}
			return m
		},
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return b
}

func start(t *testing.T, answers ...int) *bench {
	t.Helper()
	r := &receiver{answers: answers, came: make(chan struct{}, 1024)}
	return run(t, httptest.NewServer(r), r)
}

// await waits for requests.
func (b *bench) await(t *testing.T, requests int) {
	t.Helper()
	for range requests {
		select {
		case <-b.came:
		case <-time.After(30 * time.Second):
			t.Fatalf("only %d requests came: %s", len(b.messages()), b.log)
		}
	}
}

// settle waits until a count is there: an answer is counted after it came.
func (b *bench) settle(t *testing.T, result model.NotificationResult, want uint64) {
	t.Helper()
	for range 3000 {
		if b.Counts()[result] == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%v, want %d %s", b.Counts(), want, result)
}

func critical(ids ...string) *model.Findings {
	found := &model.Findings{Time: noon}
	for _, id := range ids {
		found.Active = append(found.Active, model.Finding{ID: id, Rule: "r", Severity: model.Critical})
	}
	return found
}

func TestOncePerFinding(t *testing.T) {
	t.Parallel()
	b := start(t)
	findings := critical("a")
	findings.Active = append(findings.Active, model.Finding{ID: "w", Severity: model.Warning}, model.Finding{ID: "n", Severity: model.Info})
	b.Judged(findings)
	b.await(t, 1)
	b.Judged(findings)
	b.Judged(findings)
	b.Judged(critical("a", "w")) // the warning has become critical
	b.await(t, 1)
	b.Judged(critical())    // both have ended, of which nobody wants to be told
	b.Judged(critical("a")) // it comes back
	b.await(t, 1)
	b.settle(t, model.NotificationSent, 3)
	got := b.messages()
	for i, want := range []string{"a", "w", "a"} {
		if !strings.HasPrefix(got[i], " "+want+"\n") {
			t.Errorf("message %d: %q", i, got[i])
		}
	}
	if counts := b.Counts(); counts[model.NotificationFailed] != 0 || counts[model.NotificationDropped] != 0 || b.Trouble() != "" {
		t.Errorf("%v %s", counts, b.Trouble())
	}
}

func TestResolved(t *testing.T) {
	t.Parallel()
	b := start(t)
	webhook := *b.webhook.Load()
	webhook.Resolved = true
	b.webhook.Store(&webhook)
	b.Judged(critical("a"))
	b.await(t, 1)
	b.Judged(critical())
	b.await(t, 1)
	b.settle(t, model.NotificationSent, 2)
}

// TestRetries: what fails is tried again with longer and longer pauses, said once, and shown until it arrives.
func TestRetries(t *testing.T) {
	t.Parallel()
	b := start(t, 500, 503, 403, 429, 302)
	b.Judged(critical("a"))
	b.await(t, 6)
	b.settle(t, model.NotificationSent, 1)
	if counts := b.Counts(); counts[model.NotificationFailed] != 5 || counts[model.NotificationDropped] != 0 {
		t.Errorf("%v", counts)
	}
	var waited []time.Duration // between attempts: they are made of steps of a second
	b.clock.mu.Lock()
	total := time.Duration(0)
	for _, wait := range b.clock.waits {
		total += wait
		waited = append(waited, wait)
	}
	b.clock.mu.Unlock()
	if total < 31*time.Second || total > 39*time.Second { // 1+2+4+8+16 s, and up to a quarter more
		t.Errorf("waited %s in all: %v", total, waited)
	}
	said := b.log.String()
	for _, want := range []string{"it answers 500", `no\\x1b[31m<secret>`, "redirects are not followed", "takes notifications again"} {
		if !strings.Contains(said, want) {
			t.Errorf("the log does not hold %q:\n%s", want, said)
		}
	}
	if strings.Contains(said, "T0KEN") {
		t.Errorf("the log tells the address:\n%s", said)
	}
}

// TestGivesUp: after an hour, and what is found later is told all the same.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	answers := make([]int, 100)
	for i := range answers {
		answers[i] = 500
	}
	b := start(t, answers...)
	b.Judged(critical("a", "b"))
	b.settle(t, model.NotificationDropped, 2)
	if trouble := b.Trouble(); !strings.Contains(trouble, "2026-11-23 12:00:00 UTC") || strings.Contains(trouble, "127.0.0.1") {
		t.Errorf("%q", trouble)
	}
	if elapsed := b.clock.now().Sub(noon); elapsed < giveUp || elapsed > giveUp+2*mostPause {
		t.Errorf("given up after %s", elapsed)
	}
	if said := b.log.String(); strings.Count(said, "\n") != 2 {
		t.Errorf("%s", said)
	}
	b.receiver.mu.Lock()
	b.answers = nil
	b.receiver.mu.Unlock()
	b.Judged(critical("a", "b", "c"))
	b.settle(t, model.NotificationSent, 1)
	if b.Trouble() != "" {
		t.Error(b.Trouble())
	}
}

// TestRefused: a message that the other side calls wrong is not sent again, and holds up no other.
func TestRefused(t *testing.T) {
	t.Parallel()
	b := start(t, 400)
	b.Judged(critical("a"))
	b.settle(t, model.NotificationDropped, 1)
	b.Judged(critical("a", "b"))
	b.settle(t, model.NotificationSent, 1)
	if got := b.messages(); len(got) != 2 || !strings.HasPrefix(got[1], " b\n") {
		t.Errorf("%q", got)
	}
}

// TestRetryAfter: the other side may ask for patience, and not for more than ten minutes of it.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]time.Duration{"90": 90 * time.Second, "999999999": mostAsked, "-1": time.Second, "x": time.Second} {
		b := start(t, 429)
		b.receiver.mu.Lock()
		b.retry = asked
		b.receiver.mu.Unlock()
		b.Judged(critical("a"))
		b.settle(t, model.NotificationSent, 1)
		if waited := b.clock.now().Sub(noon); waited < want || waited > want+want/4 {
			t.Errorf("Retry-After: %s: waited %s, want %s", asked, waited, want)
		}
	}
}

// TestFlood: a thousand findings are a few messages, none is lost, and nobody waits.
func TestFlood(t *testing.T) {
	t.Parallel()
	b := start(t)
	var ids []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprintf("f%03d", i))
	}
	all := critical(ids...)
	for range 3000 {
		b.Judged(all)
		b.Notifier.mu.Lock()
		sent := b.counts[model.NotificationSent]
		b.Notifier.mu.Unlock()
		if len(b.posted) == len(ids) && sent >= 16 && len(b.queue) == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if len(b.posted) != len(ids) {
		t.Fatalf("%d of %d were taken over", len(b.posted), len(ids))
	}
	if sent := len(b.messages()); sent > 40 {
		t.Errorf("%d messages", sent)
	}
	if elapsed := b.clock.now().Sub(noon); elapsed < time.Duration(len(b.messages())-burst-1)*messageEvery {
		t.Errorf("%d messages within %s", len(b.messages()), elapsed)
	}
}

// TestNobodyListens: a webhook that hangs or is not there, or is taken out of the configuration, holds nobody up.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	b := start(t)
	gone, err := url.Parse("http://127.0.0.1:1/T0KEN")
	if err != nil {
		t.Fatal(err)
	}
	before := b.webhook.Load()
	b.webhook.Store(&Webhook{URL: gone, Format: JSON})
	b.Judged(critical("a"))
	for b.Counts()[model.NotificationFailed] < 3 {
		time.Sleep(time.Millisecond)
	}
	if b.Trouble() == "" {
		t.Error("nobody is told that it fails")
	}
	b.webhook.Store(before) // the mistake is mended: it is tried at once
	b.settle(t, model.NotificationSent, 1)
	if said := b.log.String(); strings.Contains(said, "T0KEN") || strings.Count(said, "is tried again") != 1 {
		t.Errorf("%s", said)
	}
	b.webhook.Store(nil)
	b.Judged(critical("a", "b"))
	if len(b.posted) != 0 || len(b.queue) != 0 {
		t.Error("without a webhook something waits")
	}
	b.webhook.Store(before) // it is there again: what is active is told
	b.Judged(critical("b"))
	b.settle(t, model.NotificationSent, 2)
}

// TestTLS: the certificate is checked, against the file that is configured too.
func TestTLS(t *testing.T) {
	t.Parallel()
	r := &receiver{came: make(chan struct{}, 1024)}
	server := httptest.NewUnstartedServer(r)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	b := run(t, server, r)
	b.Judged(critical("a"))
	for b.Counts()[model.NotificationFailed] < 1 {
		time.Sleep(time.Millisecond)
	}
	if said := b.log.String(); !strings.Contains(said, "certificate signed by unknown authority") || strings.Contains(said, "T0KEN") {
		t.Errorf("%s", said)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	webhook := *b.webhook.Load()
	webhook.Roots, webhook.Authorization = roots, "Bearer x"
	b.webhook.Store(&webhook)
	b.settle(t, model.NotificationSent, 1)
	if got := b.messages(); len(got) != 1 || !strings.HasPrefix(got[0], "Bearer x a\n") {
		t.Errorf("%q", got)
	}
}

// TestProxy: one that is configured is used, and the environment's is not.
func TestProxy(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	b := start(t)
	proxy := *b.webhook.Load().URL
	b.webhook.Store(&Webhook{URL: &url.URL{Scheme: "http", Host: "webhook.invalid", Path: "/"}, Format: JSON, Proxy: &url.URL{Scheme: "http", Host: proxy.Host}})
	b.Judged(critical("a"))
	b.settle(t, model.NotificationSent, 1)
	b.webhook.Store(&Webhook{URL: &url.URL{Scheme: "http", Host: "webhook.invalid", Path: "/"}, Format: JSON})
	b.Judged(critical("a", "b"))
	for b.Counts()[model.NotificationFailed] == 0 {
		time.Sleep(time.Millisecond)
	}
	if said := b.log.String(); !strings.Contains(said, "lookup webhook.invalid") {
		t.Errorf("%s", said)
	}
}
