package procevents

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

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

// pair returns two sockets that are connected.
func pair(t testing.TB) (in, out int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Close(fds[0]), unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func write(t testing.TB, to int, data []byte) {
	t.Helper()
	if err := unix.Send(to, data, 0); err != nil {
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
		datagrams [][]byte
		want      []string
		failed    uint64
	}{
		"nothing":                   {nil, nil, 0},
		"one message":               {[][]byte{short}, []string{"four"}, 0},
		"more than fit at once":     {slices.Repeat([][]byte{short}, 10), slices.Repeat([]string{"four"}, 10), 0},
		"several in a datagram":     {[][]byte{enveloped(t, []byte("1111"), nil, []byte("22223333"))}, []string{"1111", "", "22223333"}, 0},
		"one that is not padded":    {[][]byte{short[:len(short)-1]}, nil, 1},
		"one that cannot be read":   {[][]byte{enveloped(t, []byte("bad!")), short}, []string{"bad!", "four"}, 1},
		"half a header":             {[][]byte{short[:8], short}, []string{"four"}, 1},
		"an empty datagram":         {[][]byte{{}, short}, []string{"four"}, 1},
		"longer than its datagram":  {[][]byte{tooLong, short}, []string{"four"}, 1},
		"shorter than a header":     {[][]byte{make([]byte, 32), short}, []string{"four"}, 1},
		"a good one and a half one": {[][]byte{append(slices.Clone(short), short[:5]...)}, []string{"four"}, 1},
		"longer than there is room": {[][]byte{long, short}, []string{"four"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, out := pair(t)
			for _, datagram := range test.datagrams {
				write(t, out, datagram)
			}
			var got []string
			dropped, failed, err := newInbox().receive(in, func(data []byte) error {
				got = append(got, string(data))
				if bytes.Equal(data, []byte("bad!")) {
					return refused
				}
				return nil
			})
			if err != nil || dropped {
				t.Errorf("dropped: %t, %v", dropped, err)
			}
			if !slices.Equal(got, test.want) || failed != test.failed {
				t.Errorf("%q, %d failed, want %q and %d", got, failed, test.want, test.failed)
			}
		})
	}
	if _, _, err := newInbox().receive(-1, func([]byte) error { return nil }); err == nil {
		t.Error("a closed socket is read without an error")
	}
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
	fd, err := descriptor(receiver)
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
	handled := 0
	dropped, failed, err := newInbox().receive(fd, func([]byte) error { handled++; return nil })
	if err != nil || !dropped || handled == 0 || failed != 0 {
		t.Errorf("dropped: %t, %d messages came, %d failed, %v", dropped, handled, failed, err)
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
			datagram, inbox := enveloped(b, test.data), newInbox()
			const together = 8
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for range together {
					write(b, out, datagram)
				}
				b.StartTimer()
				if dropped, failed, err := inbox.receive(in, test.handle); dropped || failed != 0 || err != nil {
					b.Fatalf("dropped: %t, %d failed, %v", dropped, failed, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/together, "ns/message")
		})
	}
}
