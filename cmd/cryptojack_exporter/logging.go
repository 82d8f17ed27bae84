package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	sloggokit "github.com/tjhop/slog-gokit"
)

// newLogger returns the logger of our code, and the one without a caller that
// others build on.
func newLogger(w io.Writer, format, leastLevel string) (logger, base log.Logger) {
	base = log.NewLogfmtLogger(log.NewSyncWriter(w))
	if format == "json" {
		base = log.NewJSONLogger(log.NewSyncWriter(w))
	}
	base = level.NewFilter(base, level.Allow(level.ParseDefault(leastLevel, level.InfoValue())))
	base = log.With(base, "ts", log.DefaultTimestampUTC)
	return log.With(base, "caller", log.DefaultCaller), base
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
