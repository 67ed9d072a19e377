package signaling

import (
	"bufio"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"callbox/signaling/protocol"
)

// WebSocketHandler returns the handler of the WebSocket endpoint, /ws. It
// returns after the upgrade; the connection goes on until its client leaves or
// Close. Timeouts of the handshake are those of the http.Server.
func (s *Server) WebSocketHandler() http.Handler {
	return http.HandlerFunc(s.serveWebSocket)
}

func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if !s.origins.allow(r) {
		s.refuseHTTP(w, http.StatusForbidden, "forbidden_origin", "this page's origin is not allowed here")
		return
	}
	// What is offered may stand in several fields (RFC 6455, section 11.3.4);
	// gorilla reads one.
	if offered := r.Header["Sec-Websocket-Protocol"]; len(offered) > 1 {
		r.Header["Sec-Websocket-Protocol"] = []string{strings.Join(offered, ",")}
	}
	if !offersSubprotocol(r) {
		s.refuseHTTP(w, http.StatusBadRequest, "bad_subprotocol", "the subprotocol is "+protocol.Subprotocol)
		return
	}
	addr, ok := s.admit(w, r)
	if !ok {
		return
	}
	number := s.numbers.Add(1)
	t, err := s.upgrade(w, r)
	if err != nil {
		s.counters.refused.Add(1)
		s.addresses.disconnect(addr, s.uptime())
		s.log.Debug("handshake refused", "err", err)
		return
	}
	c := s.newConnection(number, t, addr, localAddr(r))
	t.connection = c
	t.hear()
	if !s.start(c, t.read) {
		t.cut()
		s.addresses.disconnect(addr, s.uptime())
		return
	}
	s.counters.accepted.Add(1)
	s.log.Debug("client connected", "remote_addr", addr)
}

// admit counts a new connection from the client's address, or answers that it
// may not be made.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) (netip.Addr, bool) {
	if s.isClosing() {
		s.refuseClosing(w)
		return netip.Addr{}, false
	}
	addr := s.clientAddr(r)
	if !s.addresses.connect(addr) {
		w.Header().Set("Retry-After", "1")
		s.refuseHTTP(w, http.StatusTooManyRequests, "rate_limited", "too many connections from this address")
		return netip.Addr{}, false
	}
	return addr, true
}

func (s *Server) refuseClosing(w http.ResponseWriter) {
	w.Header().Set("Retry-After", strconv.Itoa(int(comeBackAfter.Seconds())))
	s.refuseHTTP(w, http.StatusServiceUnavailable, "closing", "the server is going down")
}

// offersSubprotocol tells whether the client offers ours, or none.
func offersSubprotocol(r *http.Request) bool {
	offered := websocket.Subprotocols(r)
	for _, each := range offered {
		if each == protocol.Subprotocol {
			return true
		}
	}
	return len(offered) == 0
}

func (s *Server) clientAddr(r *http.Request) netip.Addr {
	if s.config.ClientAddr != nil {
		return s.config.ClientAddr(r).Unmap()
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // no TCP connection: all such count as one client
	}
	return remote.Addr().Unmap()
}

// localAddr returns our address that r came in at, or an invalid one.
func localAddr(r *http.Request) netip.Addr {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	addrPort, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return netip.Addr{}
	}
	return addrPort.Addr().Unmap()
}

// upgrade makes the handshake. Gorilla's connection is given up after it, with
// its buffers.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) (*webSocket, error) {
	upgrader := websocket.Upgrader{
		WriteBufferPool: new(sync.Pool), // nothing is written through gorilla's buffer
		Subprotocols:    []string{protocol.Subprotocol},
		CheckOrigin:     func(*http.Request) bool { return true }, // done before
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			writeError(w, status, "bad_handshake", reason.Error())
		},
	}
	conn, err := upgrader.Upgrade(hijacker{w}, r, nil)
	if err != nil {
		return nil, err
	}
	return &webSocket{
		stream: newStream(conn.NetConn()),
		frames: decoder{limit: s.config.Limits.FrameBytes},
	}, nil
}

// hijacker finds the http.Hijacker that other writers wrap.
type hijacker struct{ http.ResponseWriter }

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(h.ResponseWriter).Hijack()
}
