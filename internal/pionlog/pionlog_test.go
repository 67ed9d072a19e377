package pionlog_test

import (
	"bytes"
	"log/slog"
	"testing"

	"callbox/internal/pionlog"
)

func TestEverythingIsDebug(t *testing.T) {
	for _, test := range []struct {
		level slog.Level
		want  string
	}{
		{slog.LevelInfo, ""},
		{slog.LevelDebug, "level=DEBUG msg=pion scope=turn pion_level=error text=\"port 7\"\n"},
	} {
		var out bytes.Buffer
		handler := slog.NewTextHandler(&out, &slog.HandlerOptions{
			Level: test.level,
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		})
		log := pionlog.Factory{Log: slog.New(handler)}.NewLogger("turn")
		log.Trace("never")
		log.Errorf("port %d", 7)
		if out.String() != test.want {
			t.Errorf("at level %s: %q, want %q", test.level, out.String(), test.want)
		}
	}
}
