package probe

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	timeLimit    = 2 * time.Second // for all that one Ask does
	byteLimit    = 64 << 10        // that one Ask receives, below TLS
	requestLimit = 6               // connections that one Ask opens
)

var errTooLong = errors.New("the answer is longer than 64 KiB")

// budget is what may still be received, over all connections of one Ask.
type budget struct{ left int }

// meteredConn takes what it receives out of the budget.
type meteredConn struct {
	net.Conn
	budget *budget
}

func (c *meteredConn) Read(p []byte) (int, error) {
	if c.budget.left <= 0 {
		return 0, errTooLong
	}
	n, err := c.Conn.Read(p[:min(len(p), c.budget.left)])
	c.budget.left -= n
	return n, err
}

// hungUp tells that the other side ended the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// sentence says why there is no verdict. Nothing of it comes from the service.
func sentence(err error, silent bool) string {
	switch {
	case errors.Is(err, errTooLong):
		return "It sent 64 KiB and had not come to an end."
	case errors.Is(err, syscall.ECONNREFUSED):
		return "It takes no connections."
	case errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return "It did not answer in full within 2 s."
	case hungUp(err) && silent:
		return "It closed the connection without an answer."
	case hungUp(err):
		return "It closed the connection within its answer."
	default:
		return "It could not be reached."
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
