// Package pionlog brings the messages of pion's libraries into slog, all of them at debug
// level: they name addresses, and what a person should know is logged by whoever uses the
// library.
package pionlog

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// Factory makes loggers of pion that write to Log. Trace messages are discarded.
type Factory struct{ Log *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (f Factory) NewLogger(scope string) logging.LeveledLogger { return &logger{f.Log, scope} }

type logger struct {
	log   *slog.Logger
	scope string // the part of pion that writes
}

func (l *logger) emit(level, text string) {
	l.log.Debug("pion", "scope", l.scope, "pion_level", level, "text", text)
}

// emitf formats only what is logged: formatting costs more than most calls here do.
func (l *logger) emitf(level, format string, args []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.emit(level, fmt.Sprintf(format, args...))
	}
}

func (l *logger) Trace(string)                      {}
func (l *logger) Tracef(string, ...any)             {}
func (l *logger) Debug(text string)                 { l.emit("debug", text) }
func (l *logger) Debugf(format string, args ...any) { l.emitf("debug", format, args) }
func (l *logger) Info(text string)                  { l.emit("info", text) }
func (l *logger) Infof(format string, args ...any)  { l.emitf("info", format, args) }
func (l *logger) Warn(text string)                  { l.emit("warn", text) }
func (l *logger) Warnf(format string, args ...any)  { l.emitf("warn", format, args) }
func (l *logger) Error(text string)                 { l.emit("error", text) }
func (l *logger) Errorf(format string, args ...any) { l.emitf("error", format, args) }
