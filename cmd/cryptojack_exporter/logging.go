package main

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	sloggokit "github.com/tjhop/slog-gokit"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/secrets"
)

// newLogger returns the logger of our code, and the one without a caller that
// others build on.
func newLogger(w io.Writer, format, leastLevel string) (logger, base log.Logger) {
	base = log.NewLogfmtLogger(log.NewSyncWriter(w))
	if format == "json" {
		base = log.NewJSONLogger(log.NewSyncWriter(w))
	}
	base = masked{base}
	base = level.NewFilter(base, level.Allow(level.ParseDefault(leastLevel, level.InfoValue())))
	base = log.With(base, "ts", log.DefaultTimestampUTC)
	return log.With(base, "caller", log.DefaultCaller), base
}

// masked takes passwords out of what is logged: a title, a path or an error may quote what
// somebody else wrote.
type masked struct{ log.Logger }

// Log implements log.Logger.
func (m masked) Log(pairs ...any) error {
	pairs = slices.Clone(pairs)
	for i := 1; i < len(pairs); i += 2 {
		switch value := pairs[i].(type) {
		case string:
			pairs[i] = secrets.Line(value)
		case error:
			pairs[i] = secrets.Line(value.Error())
		}
	}
	return m.Logger.Log(pairs...)
}

// newSlog lets a library that wants slog write to our logger.
func newSlog(logger log.Logger) *slog.Logger {
	return slog.New(timeless{sloggokit.NewGoKitHandler(logger, nil)})
}

// timeless takes the time off a record: our logger adds its own.
type timeless struct{ slog.Handler }

// Handle implements slog.Handler.
func (t timeless) Handle(ctx context.Context, record slog.Record) error {
	record.Time = time.Time{}
	return t.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (t timeless) WithAttrs(attributes []slog.Attr) slog.Handler {
	return timeless{t.Handler.WithAttrs(attributes)}
}

// WithGroup implements slog.Handler.
func (t timeless) WithGroup(name string) slog.Handler {
	return timeless{t.Handler.WithGroup(name)}
}
