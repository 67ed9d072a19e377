package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"callbox/signaling/protocol"
)

// postPause is the shortest wait before a frame that was rate-limited is posted
// again.
const postPause = 200 * time.Millisecond

// plainHTTP is a transport over plain HTTP. Events arrive in a stream of
// Server-Sent Events. Each frame is sent in a POST, whose response is the reply.
type plainHTTP struct {
	dialer       *dialer
	secret       string
	ctx          context.Context //nolint:containedctx // of the transport's requests
	cancel       context.CancelFunc
	body         io.ReadCloser
	decoder      *streamDecoder
	noteActivity func()
}

// dialHTTP opens a session over plain HTTP, and its event stream.
func (d *dialer) dialHTTP(ctx context.Context) (transport, error) {
	opening, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	p := &plainHTTP{dialer: d, noteActivity: func() {}}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(opening, p.cancel)
	err := p.open()
	if !unhook() && err == nil {
		err = context.Cause(opening)
	}
	if err != nil {
		p.abort()
		return nil, err
	}
	return p, nil
}

func (p *plainHTTP) open() error {
	response, err := p.do(p.ctx, http.MethodPost, "sessions", nil)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		return handshakeError(response)
	}
	var session struct {
		Session string `json:"session"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, 4<<10)).Decode(&session)
	drain(response)
	if err != nil || session.Session == "" {
		return errors.New("the server returned no session")
	}
	p.secret = session.Session
	stream, err := p.do(p.ctx, http.MethodGet, "events", nil)
	if err != nil {
		return err
	}
	if stream.StatusCode != http.StatusOK || !strings.HasPrefix(stream.Header.Get("Content-Type"), "text/event-stream") {
		return handshakeError(stream)
	}
	p.body = stream.Body
	p.decoder = newStreamDecoder(stream.Body, maxFrameBytes, func() { p.noteActivity() })
	return nil
}

// do sends a request. The caller must close the response's body.
func (p *plainHTTP) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, p.dialer.api(path), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for key, values := range p.dialer.config.Header {
		request.Header[key] = values
	}
	if p.secret != "" {
		request.Header.Set("Authorization", "Bearer "+p.secret)
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	return p.dialer.http.RoundTrip(request)
}

// drain reads the rest of a response and closes it, so that its connection can be
// reused.
func drain(response *http.Response) {
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	_ = response.Body.Close()
}

func (p *plainHTTP) onActivity(noteActivity func()) { p.noteActivity = noteActivity }

func (p *plainHTTP) isHTTP() bool { return true }

func (p *plainHTTP) send(frame []byte) ([]byte, error) {
	for {
		reply, err := p.post(frame)
		busy, ok := errors.AsType[*HandshakeError](err)
		if !ok || busy.Status != http.StatusTooManyRequests {
			return reply, err
		}
		if !wait(p.ctx, max(busy.After, postPause)) {
			return nil, context.Cause(p.ctx)
		}
	}
}

func (p *plainHTTP) post(frame []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(p.ctx, writeTimeout)
	defer cancel()
	response, err := p.do(ctx, http.MethodPost, "frames", frame)
	if err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	defer drain(response)
	p.noteActivity()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxFrameBytes))
	switch {
	case err != nil:
		return nil, fmt.Errorf("post: %w", err)
	case response.StatusCode == http.StatusNoContent:
		return nil, nil
	case response.StatusCode == http.StatusOK:
		return text, nil
	}
	return refused(frame, response, text)
}

// refused returns the reply that a response with an error status stands for, or
// an error if it stands for none.
func refused(frame []byte, response *http.Response, text []byte) ([]byte, error) {
	if f, err := protocol.DecodeServerFrame(text); err == nil {
		if fault, ok := f.(protocol.Error); ok && fault.ID != 0 {
			return text, nil
		}
	}
	response.Body = io.NopCloser(bytes.NewReader(text))
	fault := handshakeError(response)
	if fault.Status == http.StatusRequestEntityTooLarge {
		request, err := protocol.DecodeRequest(frame)
		if err != nil {
			return nil, fault
		}
		return protocol.Encode(protocol.Error{ID: request.RequestID(), Code: protocol.CodeTooLarge, Message: fault.Message}), nil
	}
	return nil, fault
}

func (p *plainHTTP) receive() ([]byte, error) {
	for {
		event, err := p.decoder.next()
		if err != nil {
			return nil, fmt.Errorf("stream: %w", err)
		}
		switch event.name {
		case "close":
			return nil, streamClose(event.data)
		default:
			return event.data, nil
		}
	}
}

// streamClose returns the error for a close event in the stream.
func streamClose(data []byte) error {
	var closed struct {
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(data, &closed); err != nil {
		return fmt.Errorf("stream: the close event cannot be parsed: %w", err)
	}
	return &CloseError{Code: closed.Code, Text: closed.Reason}
}

// closeGracefully ends the session at the server only if that gives up no seat.
func (p *plainHTTP) closeGracefully(left bool) {
	if left {
		ctx, cancel := context.WithTimeout(p.ctx, closeTimeout/2)
		defer cancel()
		response, err := p.do(ctx, http.MethodDelete, "sessions", nil)
		if err == nil {
			drain(response)
		}
	}
	p.abort()
}

func (p *plainHTTP) abort() {
	p.cancel()
	if p.body != nil {
		_ = p.body.Close()
	}
}
