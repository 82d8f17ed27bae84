package procevents

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// enveloped puts messages into one datagram.
func enveloped(t testing.TB, contents ...[]byte) []byte {
	t.Helper()
	var datagram []byte
	for _, content := range contents {
		data, err := netlink.Message{
			Header: netlink.Header{Length: uint32(unix.NLMSG_HDRLEN + len(content)), Type: netlink.Done}, Data: content,
		}.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		datagram = append(datagram, data...)
	}
	return datagram
}

// pair returns an inbox and a socket whose datagrams come there.
func pair(t testing.TB) (*inbox, *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		conn, err := net.FileConn(file)
		if err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
		t.Cleanup(func() { _ = conn.Close() })
		ends[i] = conn.(*net.UnixConn)
	}
	raw, err := ends[0].SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return &inbox{raw: raw}, ends[1]
}

func write(t testing.TB, to *net.UnixConn, data []byte) {
	t.Helper()
	if _, err := to.Write(data); err != nil {
		t.Fatal(err)
	}
}

func TestInbox(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	long := enveloped(t, make([]byte, datagramBytes))
	short := enveloped(t, []byte("four"))
	tooLong := slices.Clone(short)
	binary.NativeEndian.PutUint32(tooLong, uint32(len(tooLong)+1))
	for name, test := range map[string]struct {
		pause     time.Duration
		datagrams [][]byte
		want      []string
		lost      uint64
	}{
		"one message":               {0, [][]byte{short}, []string{"four"}, 0},
		"after a pause":             {time.Millisecond, [][]byte{short}, []string{"four"}, 0},
		"several in a datagram":     {0, [][]byte{enveloped(t, []byte("1111"), nil, []byte("22223333"))}, []string{"1111", "", "22223333"}, 0},
		"one that is not padded":    {0, [][]byte{short[:len(short)-1]}, nil, 1},
		"one that cannot be read":   {0, [][]byte{enveloped(t, []byte("bad!")), short}, []string{"bad!", "four"}, 1},
		"half a header":             {0, [][]byte{short[:8], short}, []string{"four"}, 1},
		"an empty datagram":         {0, [][]byte{{}, short}, []string{"four"}, 1},
		"longer than its datagram":  {0, [][]byte{tooLong, short}, []string{"four"}, 1},
		"shorter than a header":     {0, [][]byte{make([]byte, 32), short}, []string{"four"}, 1},
		"a good one and a half one": {0, [][]byte{append(slices.Clone(short), short[:5]...)}, []string{"four"}, 1},
		"longer than there is room": {0, [][]byte{long, short}, []string{"four"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, out := pair(t)
			in.pause = test.pause
			if !in.Drained() {
				t.Error("something waits before anything was sent")
			}
			for _, datagram := range test.datagrams {
				write(t, out, datagram)
			}
			if in.Drained() {
				t.Error("nothing waits though it was sent")
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var got []string
			var running sync.WaitGroup
			running.Go(func() {
				if err := in.run(ctx, func(data []byte) error {
					got = append(got, string(data))
					if bytes.Equal(data, []byte("bad!")) {
						return refused
					}
					return nil
				}, func() { t.Error("the kernel dropped something") }); err != nil {
					t.Error(err)
				}
			})
			for !in.Drained() {
				time.Sleep(time.Millisecond)
			}
			stop()
			running.Wait()
			if !slices.Equal(got, test.want) || in.Lost() != test.lost {
				t.Errorf("%q, %d lost, want %q and %d", got, in.Lost(), test.want, test.lost)
			}
		})
	}
}

// TestDrainedWaitsForTheHandler holds that what was read counts until it is handled, and that all datagrams come in
// their order when there are more than fit into one batch.
func TestDrainedWaitsForTheHandler(t *testing.T) {
	t.Parallel()
	const count = batch / 2 // a socket of this family holds only some
	in, out := pair(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	handling, goOn := make(chan struct{}), make(chan struct{})
	var got atomic.Int64
	var running sync.WaitGroup
	running.Go(func() {
		_ = in.run(ctx, func(data []byte) error {
			if int64(data[0]) != got.Load()%count {
				t.Errorf("message %d came as number %d", data[0], got.Load())
			}
			if got.Add(1) == 1 {
				close(handling)
				<-goOn
			}
			return nil
		}, func() {})
	})
	write(t, out, enveloped(t, []byte{0, 0, 0, 0}))
	<-handling
	if in.Drained() {
		t.Error("a message that is being handled does not count")
	}
	close(goOn)
	for n := 1; n < 4*count; n++ {
		write(t, out, enveloped(t, []byte{byte(n % count), 0, 0, 0}))
	}
	for !in.Drained() {
		time.Sleep(time.Millisecond)
	}
	if got.Load() != 4*count {
		t.Errorf("%d messages were handled, want %d", got.Load(), 4*count)
	}
	stop()
	running.Wait()
}

// TestInboxHearsOfLoss has the kernel drop messages of a multicast group for lack of room.
func TestInboxHearsOfLoss(t *testing.T) {
	t.Parallel()
	const group = 29 // of NETLINK_USERSOCK, which everybody may use
	receiver, err := netlink.Dial(unix.NETLINK_USERSOCK, &netlink.Config{Groups: 1 << (group - 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	if err := receiver.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	raw, err := receiver.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	sender, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_USERSOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sender)
	datagram := enveloped(t, make([]byte, 64))
	for range 100 {
		err := unix.Sendto(sender, datagram, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (group - 1)})
		if err != nil && !errors.Is(err, unix.ECONNREFUSED) { // nobody has the port 0 of this family
			t.Fatal(err)
		}
	}
	in := &inbox{raw: raw}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	handled, told := 0, 0
	if err := in.run(ctx, func([]byte) error {
		if handled++; told > 0 {
			stop()
		}
		return nil
	}, func() { told++ }); err != nil {
		t.Fatal(err)
	}
	if told == 0 || handled == 0 || in.Lost() != uint64(told) {
		t.Errorf("lost was called %d times and counted %d times; %d messages came", told, in.Lost(), handled)
	}
}

// TestInboxEndsWithItsSocket holds that a socket that fails does not make a reader that never ends.
func TestInboxEndsWithItsSocket(t *testing.T) {
	t.Parallel()
	conn, err := netlink.Dial(unix.NETLINK_USERSOCK, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	in := &inbox{raw: raw}
	if err := in.run(t.Context(), func([]byte) error { return nil }, func() {}); err == nil {
		t.Error("a closed socket is read without an error")
	}
	if !in.Drained() {
		t.Error("a closed socket is waited for")
	}
}

// BenchmarkInbox is what a message costs from the socket on, when some come together.
func BenchmarkInbox(b *testing.B) {
	account := append(make([]byte, genericHeader), attributesOf(b, nested(b, unix.TASKSTATS_TYPE_AGGR_PID,
		netlink.Attribute{Type: unix.TASKSTATS_TYPE_STATS, Data: stats(16, 560, 0)}))...)
	for name, test := range map[string]struct {
		data   []byte
		handle func([]byte) error
	}{
		"event":   {message(eventFork, 1, 2, 3, 4), func(data []byte) error { _, _, err := parseEvent(data); return err }},
		"account": {account, func(data []byte) error { _, err := parseAccount(data[genericHeader:]); return err }},
	} {
		b.Run(name, func(b *testing.B) {
			in, out := pair(b)
			datagram, d := enveloped(b, test.data), newDatagrams()
			const together = 8
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for range together {
					write(b, out, datagram)
				}
				b.StartTimer()
				taken := 0
				_ = in.raw.Control(func(fd uintptr) { taken, _ = d.take(int(fd)) })
				for n := range taken {
					in.messages(d.datagram(n), test.handle)
				}
				if taken != together || in.Lost() != 0 {
					b.Fatalf("%d datagrams, %d lost", taken, in.Lost())
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/together, "ns/message")
		})
	}
}

// TestPollWithoutLimit holds that a silent socket costs nothing: it is waited for, not asked again and again.
func TestPollWithoutLimit(t *testing.T) {
	t.Parallel()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(pipe[0]) }()
	go func() {
		time.Sleep(20 * time.Millisecond)
		_ = unix.Close(pipe[1])
	}()
	wait := []unix.PollFd{{Fd: int32(pipe[0]), Events: unix.POLLIN}}
	if err := poll(wait, -1); err != nil || wait[0].Revents == 0 {
		t.Errorf("it came back with nothing: %v", err)
	}
}
