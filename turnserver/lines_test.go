package turnserver_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"sync"
)

// lines is a log of Info and above for tests.
type lines struct {
	mu  sync.Mutex
	log []map[string]any
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

func (l *lines) Write(p []byte) (int, error) {
	line := map[string]any{}
	if err := json.Unmarshal(bytes.TrimSpace(p), &line); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, line)
	return len(p), nil
}

// with returns the lines with that message.
func (l *lines) with(message string) (found []map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.log {
		if line[slog.MessageKey] == message {
			found = append(found, line)
		}
	}
	return found
}
