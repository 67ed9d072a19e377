package turnserver

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"

	"callbox/turnserver/datapath"
)

var errOnlyUDP = errors.New("only UDP is relayed")

// endpoint is one socket that clients send to: a UDP socket with many clients,
// or a stream with one. It stands between the socket and a pion server of its
// own, which reads from it strictly one message at a time: read, handle with
// every callback, read again. So what is known of the message being handled is
// kept here, in request, and needs no lock.
type endpoint struct {
	server   *Server
	protocol Protocol
	conn     clientConn
	onLive   func(bool) // told when a stream's client gets and loses its allocation; may be nil

	request request

	mu       sync.RWMutex
	byClient map[netip.AddrPort]*relay

	// done is closed when pion reads no more. work counts what has still to end
	// then: each allocation, and the goroutine of pion's that reads its relay.
	done     chan struct{}
	doneOnce sync.Once
	work     sync.WaitGroup
}

// clientConn is where control messages come from and are answered to, while
// what is to be relayed goes its own way: a *datapath.Socket or a *stream.
type clientConn interface {
	// ReadControl fails only at the end.
	ReadControl(p []byte) (n int, from netip.AddrPort, at netip.Addr, err error)
	WriteTo(p []byte, to netip.AddrPort, at netip.Addr) error
	Client(addr netip.AddrPort, at netip.Addr) datapath.Client
	LocalAddr() net.Addr
	Close()
}

// serve has pion answer on conn. The endpoint ends when conn is closed; its wait
// returns when everything that belonged to it is gone.
func (s *Server) serve(conn clientConn, protocol Protocol, onLive func(bool)) (*endpoint, error) {
	e := &endpoint{
		server: s, protocol: protocol, conn: conn, onLive: onLive,
		byClient: map[netip.AddrPort]*relay{}, done: make(chan struct{}),
	}
	_, err := turn.NewServer(turn.ServerConfig{
		Realm:         s.credentials.realm,
		AuthHandler:   e.authenticate,
		LoggerFactory: pionLog{s.log},
		EventHandler: turn.EventHandler{
			OnAuth:              e.onAuth,
			OnAllocationCreated: e.onAllocationCreated,
			OnAllocationError:   e.onError,
			OnPermissionCreated: func(_, _ net.Addr, _, _, _ string, relayed net.Addr, peer net.IP) {
				e.onPermission(relayed, peer, true)
			},
			OnPermissionDeleted: func(_, _ net.Addr, _, _, _ string, relayed net.Addr, peer net.IP) {
				e.onPermission(relayed, peer, false)
			},
			OnChannelCreated: func(_, _ net.Addr, _, _, _ string, relayed, peer net.Addr, number uint16) {
				e.onChannel(relayed, peer, number, true)
			},
			OnChannelDeleted: func(_, _ net.Addr, _, _, _ string, relayed, peer net.Addr, number uint16) {
				e.onChannel(relayed, peer, number, false)
			},
		},
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn: e, RelayAddressGenerator: e, PermissionHandler: e.permit,
		}},
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// isDone says whether the client's connection has ended.
func (e *endpoint) isDone() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

func (e *endpoint) wait() {
	<-e.done
	e.work.Wait()
}

// ReadFrom returns the next message that is worth pion's while.
func (e *endpoint) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, at, err := e.conn.ReadControl(p)
		if err != nil {
			e.doneOnce.Do(func() { close(e.done) })
			return 0, nil, err
		}
		if e.admit(p[:n], from, at) {
			return n, e.request.addr, nil
		}
	}
}

// admit decodes a message into e.request, and says whether it can be anything
// but noise.
func (e *endpoint) admit(p []byte, client netip.AddrPort, at netip.Addr) bool {
	e.request.reset(client, at)
	if !stun.IsMessage(p) || stun.Decode(p, &e.request.message) != nil {
		return false
	}
	kind := e.request.message.Type
	if kind.Class != stun.ClassRequest {
		return false
	}
	e.request.active = true
	if kind.Method == stun.MethodCreatePermission || kind.Method == stun.MethodChannelBind {
		r := e.relayOf(client)
		return r == nil || !r.ending()
	}
	return true
}

// WriteTo sends an answer of pion's. Error responses are completed on their way.
func (e *endpoint) WriteTo(p []byte, _ net.Addr) (int, error) {
	// Only answers to requests have this class, and only the goroutine that
	// reads sends them, so e.request is the request that is answered.
	if isResponse(p) && e.withholds() {
		return len(p), nil
	}
	if isErrorResponse(p) {
		e.request.answered = true
		if completed := e.request.complete(p, e.server.credentials.realm); completed != nil {
			return len(p), e.answer(completed)
		}
	}
	return len(p), e.answer(p)
}

// answer sends to the client whose request is being handled.
func (e *endpoint) answer(p []byte) error {
	return e.conn.WriteTo(p, e.request.client, e.request.at)
}

// withholds says whether the request that is answered proved nothing, and its
// client has had all the answers to such.
func (e *endpoint) withholds() bool {
	q := &e.request
	if e.protocol != UDP || q.key != nil {
		return false
	}
	q.answered = true
	return !e.server.answers.Take(e.server.uptime(), q.client.Addr())
}

// Close is part of net.PacketConn.
func (e *endpoint) Close() error {
	e.conn.Close()
	return nil
}

func (e *endpoint) LocalAddr() net.Addr              { return e.conn.LocalAddr() }
func (e *endpoint) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (e *endpoint) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (e *endpoint) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

func (e *endpoint) relayOf(client netip.AddrPort) *relay {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.byClient[client]
}

// authenticate returns the key that the request is signed with, if it is one of
// ours and the user may use it for this request.
func (e *endpoint) authenticate(username, realm string, _ net.Addr) ([]byte, bool) {
	q := &e.request
	q.user = ""
	r := e.relayOf(q.client)
	allocate := q.message.Type.Method == stun.MethodAllocate
	if r != nil && !allocate && r.keeps(username, realm) {
		q.key, q.user, q.username = r.key, r.user, username
		return q.key, true
	}
	key, expired, err := e.server.credentials.verify(username, realm, &q.message)
	if err != nil {
		return nil, e.refuseAuth(stun.CodeUnauthorized, err)
	}
	q.key = key
	if expired && (allocate || r == nil || r.username != username) {
		q.key = nil
		return nil, e.refuseAuth(stun.CodeUnauthorized, errExpired)
	}
	if r != nil && r.username != username && !allocate {
		return nil, e.refuseAuth(stun.CodeWrongCredentials, errNotOwner)
	}
	_, q.user, _ = parseUsername(username)
	q.username = username
	return key, true
}

func (e *endpoint) refuseAuth(code stun.ErrorCode, reason error) bool {
	e.request.code = code
	e.server.authFailures.add(authFailure(reason))
	e.server.log.Debug("credential not accepted", "protocol", string(e.protocol), "client", e.request.client.String(), "err", reason)
	return false
}

// permit is asked before a permission or a channel is made. It sees no port, so
// it lets pass the IP of any live relay of ours; the data path looks closer.
func (e *endpoint) permit(_ net.Addr, ip net.IP) bool {
	q := &e.request
	r := e.relayOf(q.client)
	peer, _ := netip.AddrFromSlice(ip)
	peer = peer.Unmap()
	if r == nil {
		return false
	}
	if rule := e.server.policy.denies(peer); rule != "" && !e.server.relays.relaysAt(peer) {
		e.server.deniedPeers.add(ruleLabel(rule))
		r.refuse(rule, peer)
		q.code = stun.CodeForbidden
		return false
	}
	if peer.Is4() != r.relayed.Addr().Is4() {
		q.code = stun.CodePeerAddrFamilyMismatch
		return false
	}
	channel, ok := q.channel()
	if !ok {
		q.code = stun.CodeBadRequest
		return false
	}
	if !r.admit(peer, channel) {
		q.code = stun.CodeInsufficientCapacity
		return false
	}
	return true
}

// onAuth is told of every verified request, before it is carried out.
func (e *endpoint) onAuth(_, _ net.Addr, _, _, _, method string, verdict bool) {
	if r := e.relayOf(e.request.client); r != nil && verdict && method == stun.MethodRefresh.String() {
		lifetime := e.request.lifetime()
		if lifetime == 0 {
			r.endsBecause(endDeleted)
		}
		r.setLifetime(lifetime)
	}
}

func (e *endpoint) onAllocationCreated(_, _ net.Addr, _, _, _ string, _ net.Addr, _ int) {
	r := e.request.relay
	r.setLifetime(e.request.lifetime())
	e.work.Add(2) // until it is closed, and until nobody reads from it
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.server.relays.add(r) {
		e.work.Done()
		return
	}
	e.byClient[r.client] = r
	r.lived.Store(true)
	if err := r.data.Start(); err != nil {
		e.server.log.Warn("a relay could not be served", "err", err)
		r.end()
	}
	if e.onLive != nil {
		e.onLive(true)
	}
}

// forget is called when a relay's allocation ends.
func (e *endpoint) forget(r *relay) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byClient[r.client] != r {
		return
	}
	delete(e.byClient, r.client)
	if e.onLive != nil {
		e.onLive(false)
	}
}

func (e *endpoint) onPermission(relayed net.Addr, ip net.IP, on bool) {
	r := e.server.relays.relayedAt(addrPort(relayed))
	if peer, ok := netip.AddrFromSlice(ip); ok && r != nil {
		r.setPermission(peer.Unmap(), on)
	}
}

func (e *endpoint) onChannel(relayed, peer net.Addr, number uint16, on bool) {
	if r := e.server.relays.relayedAt(addrPort(relayed)); r != nil {
		r.setChannel(number, addrPort(peer), on)
	}
}

// onError is called when a message could not be handled. pion leaves a request
// without an allocation unanswered; the client is told (RFC 8656 section 5).
func (e *endpoint) onError(_, _ net.Addr, _, _ string) {
	q := &e.request
	if !q.active || q.answered || e.relayOf(q.client) != nil {
		return
	}
	if needsAllocation(q.message.Type.Method) {
		q.code = stun.CodeAllocMismatch
		if answer := q.errorResponse(e.server.credentials.realm); answer != nil && !e.withholds() {
			_ = e.answer(answer) // a datagram like any other: may be lost
		}
	}
}
