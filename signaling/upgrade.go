package signaling

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
)

// WebSocketHandler returns the handler of the WebSocket endpoint, /ws. It
// returns after the upgrade; the connection lasts until its client ends it or
// the server closes. The timeouts of the http.Server apply to the handshake.
func (s *Server) WebSocketHandler() http.Handler {
	return http.HandlerFunc(s.serveWebSocket)
}

func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if !s.origins.allow(r) {
		s.refuseOrigin(w, r)
		return
	}
	h, fault := readHandshake(r)
	if fault != nil {
		w.Header().Set("Sec-WebSocket-Version", "13")
		s.refuseHTTP(w, fault.status, fault.code, fault.message)
		return
	}
	adm, ok := s.admitOrRefuse(w, r)
	if !ok {
		return
	}
	conn, early, err := hijack(w)
	if err != nil {
		s.releaseConnection(adm.addr)
		s.refuseHTTP(w, http.StatusInternalServerError, "bad_handshake", "this connection cannot become a WebSocket")
		s.log.Debug("handshake refused", "err", err)
		return
	}
	s.openWebSocket(conn, early, &h, adm, localAddr(r))
}

// openWebSocket accepts the handshake h that arrived over conn. early is what
// the client sent after it, adm is what admitConnection granted, and local is
// the server's address.
func (s *Server) openWebSocket(conn net.Conn, early []byte, h *handshake, adm admission, local netip.Addr) {
	if c, ok := conn.(*boundedConn); ok && c.Arrived != nil {
		early = append(early, c.Arrived.Unread()...)
		c.DropArrived()
	}
	t := &webSocket{
		stream:            newStream(conn),
		early:             early,
		frames:            decoder{limit: s.config.Limits.FrameBytes},
		handshakeResponse: h.appendResponse(make([]byte, 0, responseSize)),
	}
	c := s.newConnection(s.lastNumber.Add(1), t, adm, local)
	t.connection = c
	t.noteActivity()
	if !s.startConnection(c, t.run) {
		t.stream.close()
		s.releaseConnection(adm.addr)
		return
	}
	t.flush()
	s.counters.accepted.Add(1)
	s.log.Debug("client connected", "remote_addr", adm.addr)
}

// hijack takes the connection over from net/http, with what the client has sent
// after its request.
func hijack(w http.ResponseWriter) (net.Conn, []byte, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	in := buffered.Reader
	if in.Buffered() == 0 {
		return conn, nil, nil
	}
	early := make([]byte, in.Buffered())
	_, _ = io.ReadFull(in, early) // it is buffered
	return conn, early, nil
}

// admitOrRefuse counts a new connection from the client's address, or answers
// that there may be none.
func (s *Server) admitOrRefuse(w http.ResponseWriter, r *http.Request) (adm admission, ok bool) {
	if s.isClosing() {
		s.refuseClosing(w)
		return admission{}, false
	}
	adm, fault := s.admitConnection(s.clientAddr(r))
	if fault != nil {
		w.Header().Set("Retry-After", "1")
		s.refuseHTTP(w, fault.status, fault.code, fault.message)
		return admission{}, false
	}
	return adm, true
}

func (s *Server) refuseClosing(w http.ResponseWriter) {
	w.Header().Set("Retry-After", strconv.Itoa(int(reconnectAfter.Seconds())))
	s.refuseHTTP(w, http.StatusServiceUnavailable, "closing", "the server is going down")
}

func (s *Server) clientAddr(r *http.Request) netip.Addr {
	if s.config.ClientAddr != nil {
		return s.config.ClientAddr(r).Unmap()
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // no TCP connection: all of these count as one client
	}
	return remote.Addr().Unmap()
}

// localAddr returns the server's address at which r arrived, or an invalid one.
func localAddr(r *http.Request) netip.Addr {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	return ipOf(local)
}

// ipOf returns the IP address in addr, or an invalid one.
func ipOf(addr net.Addr) netip.Addr {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	addrPort, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Addr{}
	}
	return addrPort.Addr().Unmap()
}
