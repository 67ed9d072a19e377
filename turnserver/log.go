package turnserver

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLog brings pion's messages into slog, all of them at debug: they name
// addresses, and what a person should know is logged by this package.
type pionLog struct{ log *slog.Logger }

func (l pionLog) NewLogger(string) logging.LeveledLogger { return l }

func (l pionLog) text(msg string) { l.log.Debug("turn protocol", "detail", msg) }

// format makes the text only when somebody wants it.
func (l pionLog) format(format string, args []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("turn protocol", "detail", fmt.Sprintf(format, args...))
	}
}

func (l pionLog) Trace(string)                      {}
func (l pionLog) Tracef(string, ...any)             {}
func (l pionLog) Debug(msg string)                  { l.text(msg) }
func (l pionLog) Debugf(format string, args ...any) { l.format(format, args) }
func (l pionLog) Info(msg string)                   { l.text(msg) }
func (l pionLog) Infof(format string, args ...any)  { l.format(format, args) }
func (l pionLog) Warn(msg string)                   { l.text(msg) }
func (l pionLog) Warnf(format string, args ...any)  { l.format(format, args) }
func (l pionLog) Error(msg string)                  { l.text(msg) }
func (l pionLog) Errorf(format string, args ...any) { l.format(format, args) }
