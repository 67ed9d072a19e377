package turnserver

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/turn/v4"

	"callbox/internal/netaddr"
	"callbox/internal/pionlog"
	"callbox/turnserver/datapath"
	"callbox/turnserver/wire"
)

const (
	// maxMessage is the longest message of a client that is handled. What is
	// written anew for pion can be a little longer, so pion takes more.
	maxMessage = 1600
	pionMTU    = 2048
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
	control *control
	again   bool // pion is to be given the request once more

	mu       sync.RWMutex
	byClient map[netip.AddrPort]*relay
	endings  []*relay // that are to end

	// done is closed when pion reads no more. work counts what has still to end
	// then: each allocation, and the goroutine that pion starts for it.
	done     chan struct{}
	doneOnce sync.Once
	work     sync.WaitGroup
}

// clientConn is where control messages come from and are answered to, while
// what is to be relayed goes its own way: a *datapath.Socket or a *stream.
type clientConn interface {
	// ReadControl fails only at the end, and after an Interrupt returns no bytes.
	ReadControl(p []byte) (n int, from netip.AddrPort, at netip.Addr, err error)
	WriteTo(p []byte, to netip.AddrPort, at netip.Addr) error
	Interrupt()
	Client(addr netip.AddrPort, at netip.Addr) datapath.Client
	LocalAddr() net.Addr
	Close()
}

// serve has pion answer on conn. The endpoint ends when conn is closed; its wait
// returns when everything that belonged to it is gone.
func (s *Server) serve(conn clientConn, protocol Protocol, onLive func(bool)) (*endpoint, error) {
	e := &endpoint{
		server: s, protocol: protocol, conn: conn, onLive: onLive,
		control: newControl(), byClient: map[netip.AddrPort]*relay{}, done: make(chan struct{}),
	}
	_, err := turn.NewServer(turn.ServerConfig{
		Realm:         s.credentials.realm,
		AuthHandler:   e.authenticatePion,
		InboundMTU:    pionMTU,
		LoggerFactory: pionlog.Factory{Log: s.log},
		EventHandler: turn.EventHandler{
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
			PacketConn: e, RelayAddressGenerator: e,
			PermissionHandler: func(net.Addr, net.IP) bool { return true }, // the guard has looked closer
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

// ReadFrom returns the next message that pion is to handle.
func (e *endpoint) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		if e.again || e.beginEnding() {
			e.again = false
			return copy(p, e.toPion()), e.request.addr(), nil
		}
		n, from, at, err := e.conn.ReadControl(p[:maxMessage])
		if err != nil {
			e.doneOnce.Do(func() { close(e.done) })
			return 0, nil, err
		}
		if rebuilt := e.guard(p[:n], from, at); rebuilt != nil {
			return copy(p, rebuilt), e.request.addr(), nil
		}
	}
}

// WriteTo takes pion's answer to the request being handled, which is the only
// thing that it sends.
func (e *endpoint) WriteTo(p []byte, _ net.Addr) (int, error) {
	if m, err := wire.Parse(p); err == nil {
		e.fromPion(m)
	}
	return len(p), nil
}

// end has the allocation of a relay end soon.
func (e *endpoint) end(r *relay) {
	e.mu.Lock()
	e.endings = append(e.endings, r)
	e.mu.Unlock()
	e.conn.Interrupt()
}

// beginEnding makes the next allocation that is to end the request being
// handled: a Refresh for no time at all, which nobody has sent and nobody is
// told of.
func (e *endpoint) beginEnding() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.endings) > 0 {
		r := e.endings[0]
		e.endings = e.endings[1:]
		if e.byClient[r.client] == r {
			e.request = request{client: r.client, method: wire.Refresh, relay: r, silent: true}
			return true
		}
	}
	return false
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

func (e *endpoint) onAllocationCreated(_, _ net.Addr, _, _, _ string, _ net.Addr, _ int) {
	r := e.request.relay
	r.setLifetime(r.granted)
	e.work.Add(2) // until it is closed, and until pion's goroutine has ended
	if !e.remember(r) {
		e.work.Done()
		return
	}
	if err := r.data.Start(); err != nil {
		e.server.log.Warn("a relay could not be served", "err", err)
		r.end()
	}
	e.revokedMeanwhile(r)
}

// revokedMeanwhile ends a relay whose user was revoked, or taken away, after its
// Allocate was verified and before it could be found in the registry, and
// refuses the Allocate. Since then a revocation finds the relay by itself.
func (e *endpoint) revokedMeanwhile(r *relay) {
	if r.isRevoked() {
		e.request.refusal = e.distrust(codeUnauthorized, errRevoked)
		e.server.endRelays([]*relay{r}, endRevoked)
		if r.reserved != nil {
			e.server.reserved.expire(token(r.reserved))
		}
	}
}

// remember makes a relay its client's, unless its allocation has ended already.
func (e *endpoint) remember(r *relay) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.server.relays.add(r) {
		return false
	}
	e.byClient[r.client] = r
	r.lived.Store(true)
	if e.onLive != nil {
		e.onLive(true)
	}
	return true
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
	r := e.server.relays.relayedAt(netaddr.AddrPort(relayed))
	if peer, ok := netip.AddrFromSlice(ip); ok && r != nil {
		r.data.Permit(peer, on)
	}
}

func (e *endpoint) onChannel(relayed, peer net.Addr, number uint16, on bool) {
	if r := e.server.relays.relayedAt(netaddr.AddrPort(relayed)); r != nil {
		r.data.Bind(number, netaddr.AddrPort(peer), on)
	}
}
