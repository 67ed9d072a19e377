package signaling

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"callbox/signaling/protocol"
)

const (
	// secretSize is the size of an event source's secret, in bytes.
	secretSize = 32
	// endedLife is how long a client can ask why its connection was closed.
	endedLife = time.Minute
)

// sourceKey is the hash of an event source's secret.
type sourceKey [sha256.Size]byte

// maxEnded is how many event sources are remembered after their end. Each takes
// about a kilobyte.
const maxEnded = 4096

// eventSources finds connections over plain HTTP by their secrets. The zero
// value is empty.
type eventSources struct {
	mu    sync.Mutex // guards the following
	bySum map[sourceKey]*eventSource
	ended []endedSource // from the oldest on
}

type endedSource struct {
	key sourceKey
	at  time.Duration // since the server's start
}

func (m *eventSources) add(t *eventSource) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bySum == nil {
		m.bySum = make(map[sourceKey]*eventSource)
	}
	m.bySum[t.key] = t
}

// noteEnd notes that the connection of t has ended. For a while, its client may
// still ask why.
func (m *eventSources) noteEnd(t *eventSource, now time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.ended) >= maxEnded {
		m.forgetLocked(1)
	}
	m.ended = append(m.ended, endedSource{t.key, now})
}

// remove removes t, which has not started.
func (m *eventSources) remove(t *eventSource) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.bySum, t.key)
}

// find returns the event source whose secret r shows, or nil.
func (m *eventSources) find(r *http.Request) *eventSource {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	secret, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(secret) != secretSize || !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bySum[sha256.Sum256(secret)]
}

// expire removes the event sources that ended more than endedLife ago.
func (m *eventSources) expire(now time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for n < len(m.ended) && m.ended[n].at < now-endedLife {
		n++
	}
	m.forgetLocked(n)
}

// forgetLocked removes the n that ended first.
func (m *eventSources) forgetLocked(n int) {
	for _, each := range m.ended[:n] {
		delete(m.bySum, each.key)
	}
	if m.ended = m.ended[n:]; len(m.ended) == 0 {
		m.ended = nil
	}
}

// serveSessions opens a connection over plain HTTP, or leaves.
func (s *Server) serveSessions(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		s.openSource(w, r)
		return
	}
	t := s.findSource(w, r)
	if t == nil {
		return
	}
	t.leave()
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) openSource(w http.ResponseWriter, r *http.Request) {
	adm, ok := s.admitOrRefuse(w, r)
	if !ok {
		return
	}
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails
	t := newEventSource(s)
	t.key = sha256.Sum256(secret)
	t.connection = s.newConnection(s.lastNumber.Add(1), t, adm, localAddr(r))
	s.sources.add(t)
	if !s.startConnection(t.connection, func() { s.running.Go(t.run) }) {
		s.sources.remove(t)
		s.releaseConnection(adm.addr)
		s.refuseClosing(w)
		return
	}
	s.counters.accepted.Add(1)
	s.log.Debug("client connected", "remote_addr", adm.addr)
	writeJSON(w, http.StatusCreated, map[string]string{"session": base64.RawURLEncoding.EncodeToString(secret)})
}

// findSource returns the connection that r belongs to. When it has ended,
// findSource writes the response and returns nil.
func (s *Server) findSource(w http.ResponseWriter, r *http.Request) *eventSource {
	t := s.sources.find(r)
	if t == nil || t.connection.is(stateEnded) {
		refuseSecret(w)
		return nil
	}
	return t
}

func refuseSecret(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	writeError(w, http.StatusUnauthorized, "unauthorized", "this session has ended; open a new one")
}

// serveEvents serves a connection's stream until the client, a newer stream or
// the connection ends it.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	t := s.sources.find(r)
	if t == nil {
		refuseSecret(w)
		return
	}
	l := &eventStream{
		source: t, writer: w, control: http.NewResponseController(w),
		wake: make(chan struct{}, 1), superseded: make(chan struct{}), done: make(chan struct{}),
	}
	// The server's timeouts are for requests that end soon. These calls fail only
	// where there are none.
	_ = l.control.SetReadDeadline(time.Time{})
	_ = l.control.SetWriteDeadline(time.Now().Add(streamTimeout))
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or a proxy would hold events back
	if r.ProtoMajor == 1 {
		h.Set("Connection", "close") // another request must not inherit its deadlines
	}
	w.WriteHeader(http.StatusOK)
	// Firefox and many proxies pass a response on only when some of its body is there.
	_, _ = io.WriteString(w, ": open\n\n")
	if l.control.Flush() != nil {
		return
	}
	if !t.attach(l) {
		if last, ok := t.appendClose(nil); ok {
			_, _ = w.Write(last) // an error means that the client knows already, or is gone
		}
		return
	}
	defer t.detach(l)
	seen, _ := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64) // anything but a number confirms nothing
	t.connection.replay(seen)
	l.serve(r.Context().Done())
}

// serveFrames carries out one frame of the client.
func (s *Server) serveFrames(w http.ResponseWriter, r *http.Request) {
	t := s.findSource(w, r)
	if t == nil {
		return
	}
	if !t.posting.CompareAndSwap(false, true) {
		w.Header().Set("Retry-After", "1")
		writeError(w, http.StatusTooManyRequests, "rate_limited", "post one frame after the other")
		return
	}
	defer t.posting.Store(false)
	frame, free, err := s.readBody(w, r, t.connection.addr)
	defer free()
	if err != nil {
		if errors.Is(err, errNoMemory) {
			w.Header().Set("Retry-After", "1")
			writeError(w, http.StatusServiceUnavailable, "queue_full", "the server has no memory for a frame of this size now")
			return
		}
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			text := "a frame may have at most " + strconv.Itoa(s.config.Limits.FrameBytes) + " bytes"
			writeError(w, http.StatusRequestEntityTooLarge, "too_large", text)
			return
		}
		writeError(w, http.StatusBadRequest, "bad_request", "the frame did not arrive whole")
		return
	}
	writeReply(w, t.post(frame))
}

// errNoMemory is why the frame in a request is not read.
var errNoMemory = errors.New("no memory for the frame")

// readBody returns the frame in r. free gives back the memory that was taken for
// it, and must be called even after an error.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, addr netip.Addr) (frame []byte, free func(), err error) {
	body := r.Body
	size := r.ContentLength
	if limit := int64(s.config.Limits.FrameBytes); limit > 0 {
		body = http.MaxBytesReader(w, body, limit)
		if size < 0 || size > limit {
			size = limit
		}
	}
	taken := int(max(size-connectionBytes, 0)) // a small frame is paid for by connectionBytes
	if !s.memory.Take(addr, taken) {
		return nil, func() {}, errNoMemory
	}
	frame, err = io.ReadAll(body)
	return frame, func() { s.memory.Give(addr, taken) }, err
}

// writeReply writes the response to a POST. A rate limit is also expressed in
// terms of HTTP.
func writeReply(w http.ResponseWriter, reply []byte) {
	if reply == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	status := http.StatusOK
	if bytes.HasPrefix(reply, []byte(`{"type":"error"`)) {
		f, err := protocol.DecodeServerFrame(reply)
		if fault, ok := f.(protocol.Error); err == nil && ok && fault.Code == protocol.CodeRateLimited {
			status = http.StatusTooManyRequests
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(float64(fault.After)))))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(reply) // an error means that the client is gone
}
