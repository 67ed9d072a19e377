package faultmodel

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// eventWire is the transport over plain HTTP, on two connections: one brings
// the Server-Sent Events, the other takes the frames.
type eventWire struct {
	stream, posts *faultyConn
	name          int // for the server's side of the test
	out           *outbound

	// The stream may be quicker than the response to the join.
	mu     sync.Mutex // guards the following
	joined bool
	early  [][]byte
}

func newEventWire(stream, posts *faultyConn, name int) *eventWire {
	return &eventWire{stream: stream, posts: posts, name: name, out: newOutbound()}
}

func (w *eventWire) send(frame []byte) { w.out.push(frame) }

func (w *eventWire) cut() {
	w.out.end()
	_ = w.stream.Close()
	_ = w.posts.Close()
}

func (w *eventWire) run(to wireReceiver) int {
	defer w.cut()
	answers := bufio.NewReader(w.posts)
	status, body, err := w.post(answers, "sessions", "", nil)
	var opened struct{ Session string }
	if err != nil || status != http.StatusOK && status != http.StatusCreated || json.Unmarshal(body, &opened) != nil {
		return 0
	}
	_, err = fmt.Fprintf(w.stream, "GET /api/v1/events?conn=%d HTTP/1.1\r\nHost: memory\r\nAuthorization: Bearer %s\r\n\r\n", w.name, opened.Session)
	if err != nil {
		return 0
	}
	response, err := http.ReadResponse(bufio.NewReader(w.stream), nil)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0
	}
	to.onOpened()
	var posting sync.WaitGroup
	defer posting.Wait()
	defer w.cut()
	posting.Go(func() {
		defer w.cut()
		for {
			frame, ok := w.out.pop()
			if !ok {
				return
			}
			status, reply, err := w.post(answers, "frames", opened.Session, frame)
			switch {
			case err != nil || status != http.StatusOK && status != http.StatusNoContent:
				return
			case status == http.StatusOK:
				w.answer(to, reply)
			}
		}
	})
	return w.listen(bufio.NewReader(response.Body), to)
}

// answer passes a reply on, and after joined the events that came before it.
func (w *eventWire) answer(to wireReceiver, reply []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	to.onFrame(reply)
	if strings.Contains(string(reply), `"type":"joined"`) {
		w.joined = true
		for _, event := range w.early {
			to.onFrame(event)
		}
		w.early = nil
	}
}

func (w *eventWire) event(to wireReceiver, event []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.joined {
		w.early = append(w.early, event)
		return
	}
	to.onFrame(event)
}

func (w *eventWire) post(in *bufio.Reader, path, secret string, frame []byte) (status int, body []byte, err error) {
	var authorization string
	if secret != "" {
		authorization = "Authorization: Bearer " + secret + "\r\n"
	}
	_, err = fmt.Fprintf(w.posts, "POST /api/v1/%s HTTP/1.1\r\nHost: memory\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, authorization, len(frame), frame)
	if err != nil {
		return 0, nil, err
	}
	response, err := http.ReadResponse(in, &http.Request{Method: http.MethodPost})
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// listen reads the stream to its end, and returns the code of its close event.
func (w *eventWire) listen(in *bufio.Reader, to wireReceiver) int {
	var kind, data string
	for {
		text, err := in.ReadString('\n')
		if err != nil {
			return 0
		}
		name, value, _ := strings.Cut(strings.TrimRight(text, "\r\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "event":
			kind = value
		case name == "data":
			data += value
		case name != "" || value != "" || data == "": // an id, or a comment
		case kind == "close":
			var closed struct{ Code int }
			_ = json.Unmarshal([]byte(data), &closed)
			return closed.Code
		default:
			w.event(to, []byte(data))
		}
		if name == "" && value == "" {
			kind, data = "", ""
		}
	}
}
