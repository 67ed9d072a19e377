package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

var errClosed = errors.New("the browser has ended")

// message is a reply or an event of one of the two protocols.
type message struct {
	ID      int64           `json:"id"`
	Session string          `json:"sessionId"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`
	// Message explains an error of BiDi. DevTools has that in Error.
	Message string `json:"message"`
}

// link matches replies with calls and passes events on, for both protocols. They
// differ in the transport, and in that messages of DevTools name a session.
type link struct {
	write func([]byte) error
	event func(message)

	mu      sync.Mutex
	last    int64
	waiting map[int64]chan message
	done    chan struct{}
}

func newLink(write func([]byte) error, event func(message)) *link {
	return &link{write: write, event: event, waiting: map[int64]chan message{}, done: make(chan struct{})}
}

// run handles the messages that next returns, until next fails.
func (l *link) run(next func() ([]byte, error)) {
	defer close(l.done)
	for {
		text, err := next()
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text, &m) != nil {
			continue
		}
		if m.ID == 0 {
			l.event(m)
			continue
		}
		l.mu.Lock()
		reply := l.waiting[m.ID]
		delete(l.waiting, m.ID)
		l.mu.Unlock()
		if reply != nil {
			reply <- m
		}
	}
}

// call sends a command and decodes its result, unless result is nil.
func (l *link) call(ctx context.Context, session, method string, params, result any) error {
	reply := make(chan message, 1)
	l.mu.Lock()
	l.last++
	id := l.last
	l.waiting[id] = reply
	l.mu.Unlock()
	command := map[string]any{"id": id, "method": method, "params": params}
	if session != "" {
		command["sessionId"] = session
	}
	text, err := json.Marshal(command)
	if err == nil {
		err = l.write(text)
	}
	if err != nil {
		l.forget(id)
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-reply:
		return m.decode(method, result)
	case <-l.done:
		return fmt.Errorf("%s: %w", method, errClosed)
	case <-ctx.Done():
		l.forget(id)
		return fmt.Errorf("%s: %w", method, context.Cause(ctx))
	}
}

func (l *link) forget(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
}

func (m message) decode(method string, result any) error {
	if m.Error != nil {
		return fmt.Errorf("%s: %s %s", method, m.Error, m.Message)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(m.Result, result); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}
