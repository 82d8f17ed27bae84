package desktop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	notifications = "org.freedesktop.Notifications" // specifications.freedesktop.org/notification
	callTime      = 5 * time.Second                 // for a call: a desktop that hangs is tried again
	actionOpen    = "default"                       // what a click on the notification means
	maxShown      = 64                              // notifications whose clicks are known
)

// SessionBus finds the address of the user's session bus. Only local sockets are taken: other addresses may name a program.
func SessionBus(environment func(string) string) (string, error) {
	address := environment("DBUS_SESSION_BUS_ADDRESS")
	if directory := environment("XDG_RUNTIME_DIR"); address == "" && directory != "" {
		address = "unix:path=" + directory + "/bus"
	}
	for one := range strings.SplitSeq(address, ";") {
		if strings.HasPrefix(one, "unix:") {
			return one, nil
		}
	}
	return "", errors.New("there is no session bus: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR names one; run it in the session of a desktop")
}

// note is one notification. Its text is plain, whatever it holds.
type note struct {
	summary, body string
	urgent        bool
}

// bus shows notes on a desktop.
type bus struct {
	conn   *dbus.Conn
	markup bool // the desktop takes the body for markup
	clicks bool
	page   string

	shown   []uint32
	signals chan *dbus.Signal // closed when the connection has ended
}

// connect reaches the desktop's server of notifications; the session bus may have to start it.
func connect(ctx context.Context, address, page string) (*bus, error) {
	conn, err := dbus.Dial(address)
	if err != nil {
		return nil, fmt.Errorf("connect to the session bus: %w", err)
	}
	b := &bus{conn: conn, page: page, signals: make(chan *dbus.Signal, maxShown)}
	if err := conn.Auth(nil); err != nil {
		b.close()
		return nil, fmt.Errorf("sign in at the session bus: %w", err)
	}
	if err := conn.Hello(); err != nil {
		b.close()
		return nil, fmt.Errorf("sign in at the session bus: %w", err)
	}
	var capabilities []string
	if err := b.call(ctx, "GetCapabilities").Store(&capabilities); err != nil {
		b.close()
		return nil, fmt.Errorf("no desktop shows notifications: %w", err)
	}
	b.markup, b.clicks = slices.Contains(capabilities, "body-markup"), slices.Contains(capabilities, "actions")
	if b.clicks {
		err := conn.AddMatchSignal(dbus.WithMatchSender(notifications), dbus.WithMatchInterface(notifications), dbus.WithMatchMember("ActionInvoked"))
		if err != nil {
			b.close()
			return nil, fmt.Errorf("ask for clicks: %w", err)
		}
	}
	conn.Signal(b.signals)
	return b, nil
}

func (b *bus) close() { _ = b.conn.Close() } // nothing is buffered

// call has a time limit, so that a desktop that does not answer holds nobody up.
func (b *bus) call(ctx context.Context, method string, arguments ...any) *dbus.Call {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	return b.conn.Object(notifications, "/org/freedesktop/Notifications").CallWithContext(ctx, notifications+"."+method, 0, arguments...)
}

// show shows one note.
func (b *bus) show(ctx context.Context, n note) error {
	body, actions := n.body, []string{}
	if b.markup {
		body = escapeMarkup(body)
	}
	if b.clicks {
		actions = []string{actionOpen, "What to do"}
	}
	urgency, expires := byte(1), int32(-1) // normal; as long as the desktop likes
	if n.urgent {
		urgency, expires = 2, 0 // until somebody closes it
	}
	hints := map[string]dbus.Variant{"urgency": dbus.MakeVariant(urgency)}
	var id uint32
	if err := b.call(ctx, "Notify", "cryptojack_exporter", uint32(0), "dialog-warning", n.summary, body, actions, hints, expires).Store(&id); err != nil {
		return fmt.Errorf("show a notification: %w", err)
	}
	if b.shown = append(b.shown, id); len(b.shown) > maxShown {
		b.shown = b.shown[1:]
	}
	return nil
}

// clicked has the desktop open the page, if a signal is a click on a note of ours.
func (b *bus) clicked(ctx context.Context, signal *dbus.Signal) error {
	var id uint32
	var action string
	if signal.Name != notifications+".ActionInvoked" || dbus.Store(signal.Body, &id, &action) != nil || action != actionOpen || !slices.Contains(b.shown, id) {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	portal := b.conn.Object("org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop")
	if err := portal.CallWithContext(ctx, "org.freedesktop.portal.OpenURI.OpenURI", 0, "", b.page, map[string]dbus.Variant{}).Err; err != nil {
		return fmt.Errorf("open %s: %w", b.page, err)
	}
	return nil
}

// escapeMarkup keeps a desktop from taking text for markup: bold, links, images.
func escapeMarkup(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(s)
}
