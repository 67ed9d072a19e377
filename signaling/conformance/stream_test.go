package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// stream is the transport over plain HTTP: events by Server-Sent Events,
// requests by POST.
type stream struct {
	at     *target
	secret string
	box    *inbox

	mu      sync.Mutex // guards the following
	cancel  context.CancelFunc
	reading sync.WaitGroup
}

// answer is an HTTP response whose body was read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %.300s", a.status, a.body) }

// call makes a request of the HTTP side.
func (at *target) call(method, path, secret, body string, header http.Header) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), *patienceFlag)
	defer cancel()
	response, err := at.open(ctx, method, path, secret, body, header)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	return answer{response.StatusCode, response.Header, string(text)}, err
}

func (at *target) open(ctx context.Context, method, path, secret, body string, header http.Header) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, at.api(path), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if secret != "" {
		request.Header.Set("Authorization", "Bearer "+secret)
	}
	return at.http.Do(request)
}

// newStream opens a session over plain HTTP; it has no events yet.
func (at *target) newStream() (*stream, error) {
	a, err := at.call(http.MethodPost, "/api/v1/sessions", "", "", nil)
	if err != nil {
		return nil, err
	}
	var made struct{ Session string }
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status/100 != 2 || made.Session == "" {
		return nil, fmt.Errorf(`transport: POST /api/v1/sessions answers %v, want 2xx and {"session":"…"}`, a)
	}
	return &stream{at: at, secret: made.Session, box: newInbox()}, nil
}

// listen opens the stream of events; lastEventID is empty for none.
func (st *stream) listen(lastEventID string) error {
	ctx, cancel := context.WithCancel(context.Background())
	header := http.Header{"Accept": {"text/event-stream"}}
	if lastEventID != "" {
		header.Set("Last-Event-Id", lastEventID)
	}
	opening := time.AfterFunc(*patienceFlag, cancel)
	response, err := st.at.open(ctx, http.MethodGet, "/api/v1/events", st.secret, "", header)
	if err != nil {
		cancel()
		return fmt.Errorf("transport: GET /api/v1/events has no response, though headers are to come at once: %w", err)
	}
	opening.Stop()
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		response.Body.Close()
		cancel()
		return fmt.Errorf("transport: GET /api/v1/events answers %d with %q", response.StatusCode, kind)
	}
	st.mu.Lock()
	st.cancel = cancel
	st.reading.Go(func() {
		defer response.Body.Close()
		readEvents(ctx, response.Body, st.box)
	})
	st.mu.Unlock()
	return nil
}

// readEvents reads a stream of Server-Sent Events (HTML standard, section 9.2)
// to its end.
func readEvents(ctx context.Context, body io.Reader, box *inbox) {
	lines := bufio.NewReaderSize(body, 1<<16)
	var id, event string
	var data []string
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if ctx.Err() == nil {
				box.end(closeAbnormal, "")
			}
			return
		}
		line = strings.TrimRight(line, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if len(data) > 0 && !dispatch(box, id, event, strings.Join(data, "\n")) {
				return
			}
			id, event, data = "", "", nil
		case name == "id":
			id = value
		case name == "event":
			event = value
		case name == "data":
			data = append(data, value)
		}
	}
}

func dispatch(box *inbox, id, event, data string) bool {
	if event == "close" {
		var closed struct {
			Code   int
			Reason string
		}
		if err := json.Unmarshal([]byte(data), &closed); err != nil {
			box.end(closeAbnormal, fmt.Sprintf("transport: the data of a close is %s", data))
			return false
		}
		box.end(closed.Code, "")
		return false
	}
	var seq struct{ Seq int64 }
	_ = json.Unmarshal([]byte(data), &seq) // put finds what is wrong with it
	if want := strconv.FormatInt(seq.Seq, 10); seq.Seq > 0 && id != want {
		box.end(closeAbnormal, fmt.Sprintf("transport: the event %.200s came with id %q, want its seq", data, id))
		return false
	}
	return box.put([]byte(data))
}

// send implements link: one frame by POST, whose reply is in the response.
func (st *stream) send(text string) error {
	for range 10 {
		a, err := st.post(text)
		switch {
		case err != nil:
			return err
		case a.status == http.StatusOK, a.status == http.StatusTooManyRequests && strings.HasPrefix(a.body, `{"type":`):
			st.box.put([]byte(a.body))
			return nil
		case a.status == http.StatusNoContent:
			return nil
		case a.status == http.StatusTooManyRequests:
			after, _ := strconv.Atoi(a.header.Get("Retry-After"))
			<-time.After(max(time.Duration(after)*time.Second, 50*time.Millisecond))
		default:
			return fmt.Errorf("transport: POST /api/v1/frames answers %v", a)
		}
	}
	return errors.New("transport: POST /api/v1/frames answers 429, ten times in a row")
}

// post sends a frame and returns the response, whatever it is.
func (st *stream) post(text string) (answer, error) {
	return st.at.call(http.MethodPost, "/api/v1/frames", st.secret, text, http.Header{"Content-Type": {"application/json"}})
}

// inbox implements link.
func (st *stream) inbox() *inbox { return st.box }

// cut implements link: the stream breaks.
func (st *stream) cut() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.cancel != nil {
		st.cancel()
		st.reading.Wait()
		st.box.end(closeAbnormal, "")
	}
}
