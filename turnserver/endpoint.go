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
	// maxMessage is the length of the longest control message that is handled. What is
	// rebuilt for pion can be a little longer, so pion takes more.
	maxMessage = 1600
	pionMTU    = 2048
)

var errOnlyUDP = errors.New("only UDP is relayed")

// endpoint is one socket that clients send to: a UDP socket with many clients, or a stream with
// one. It is the net.PacketConn of a pion server of its own, which reads strictly one message
// at a time: it reads, handles the message with all callbacks, and reads again. So the message
// being handled is kept here, in request, without a lock.
type endpoint struct {
	server   *Server
	protocol Protocol
	conn     clientConn
	onLive   func(bool) // called when a stream's client gets and loses its allocation; may be nil

	request request
	control *control
	retry   bool // pion must be given the request once more

	mu       sync.RWMutex
	byClient map[netip.AddrPort]*allocation
	endings  []*allocation // allocations to end

	// done is closed when pion reads no more. work counts what must still end then: each
	// allocation, and the goroutine that pion starts for it.
	done     chan struct{}
	doneOnce sync.Once
	work     sync.WaitGroup
}

// clientConn is where control messages are read and answered: a *datapath.Socket or a *stream.
// What has to be relayed never gets here.
type clientConn interface {
	// ReadControl returns no bytes after an Interrupt, and an error only at the end.
	ReadControl(p []byte) (n int, from netip.AddrPort, at netip.Addr, err error)
	WriteTo(p []byte, to netip.AddrPort, at netip.Addr) error
	Interrupt()
	Client(addr netip.AddrPort, at netip.Addr) datapath.Client
	LocalAddr() net.Addr
	Close()
}

// serve starts a pion server for conn. The endpoint ends when conn is closed; its wait method
// returns when all its allocations and goroutines have ended.
func (s *Server) serve(conn clientConn, protocol Protocol, onLive func(bool)) (*endpoint, error) {
	e := &endpoint{
		server: s, protocol: protocol, conn: conn, onLive: onLive,
		control: newControl(), byClient: map[netip.AddrPort]*allocation{}, done: make(chan struct{}),
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
			PermissionHandler: func(net.Addr, net.IP) bool { return true }, // the guard has checked the peers
		}},
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// isDone reports whether the client's connection has ended.
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

// ReadFrom returns the next message for pion.
func (e *endpoint) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		if e.retry || e.nextEnding() {
			e.retry = false
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

// WriteTo handles pion's response to the request being handled. pion sends nothing else.
func (e *endpoint) WriteTo(p []byte, _ net.Addr) (int, error) {
	if m, err := wire.Parse(p); err == nil {
		e.fromPion(m)
	}
	return len(p), nil
}

// end ends an allocation soon: pion does it, on the goroutine that reads.
func (e *endpoint) end(a *allocation) {
	e.mu.Lock()
	e.endings = append(e.endings, a)
	e.mu.Unlock()
	e.conn.Interrupt()
}

// nextEnding makes a Refresh with lifetime 0 the request being handled, for the next allocation
// to end, and returns false when there is none. No client has sent it, and it is not answered.
func (e *endpoint) nextEnding() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.endings) > 0 {
		a := e.endings[0]
		e.endings = e.endings[1:]
		if e.byClient[a.client] == a {
			e.request = request{client: a.client, method: wire.Refresh, allocation: a, silent: true}
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

func (e *endpoint) allocationOf(client netip.AddrPort) *allocation {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.byClient[client]
}

func (e *endpoint) onAllocationCreated(_, _ net.Addr, _, _, _ string, _ net.Addr, _ int) {
	a := e.request.allocation
	a.setLifetime(a.granted)
	e.work.Add(2) // until it is closed, and until pion's goroutine has ended
	if !e.add(a) {
		e.work.Done()
		return
	}
	if err := a.data.Start(); err != nil {
		e.server.log.Warn("a relay could not be served", "err", err)
		a.end()
	}
	e.endIfRevoked(a)
}

// endIfRevoked ends an allocation, and refuses its Allocate request, if its user was revoked or
// removed after the request was verified and before the allocation was in the registry. Later
// revocations find it there.
func (e *endpoint) endIfRevoked(a *allocation) {
	if a.isRevoked() {
		e.request.refusal = e.refuseCredential(codeUnauthorized, errRevoked)
		e.server.endAllocations([]*allocation{a}, endRevoked)
		if a.reserved != nil {
			e.server.reserved.expire(token(a.reserved))
		}
	}
}

// add makes an allocation that of its client. It returns false when it has ended already.
func (e *endpoint) add(a *allocation) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.server.registry.add(a) {
		return false
	}
	e.byClient[a.client] = a
	a.wasLive.Store(true)
	if e.onLive != nil {
		e.onLive(true)
	}
	return true
}

// remove must be called when an allocation ends.
func (e *endpoint) remove(a *allocation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byClient[a.client] != a {
		return
	}
	delete(e.byClient, a.client)
	if e.onLive != nil {
		e.onLive(false)
	}
}

func (e *endpoint) onPermission(relayed net.Addr, ip net.IP, on bool) {
	a := e.server.registry.at(netaddr.AddrPort(relayed))
	if peer, ok := netip.AddrFromSlice(ip); ok && a != nil {
		a.data.Permit(peer, on)
	}
}

func (e *endpoint) onChannel(relayed, peer net.Addr, number uint16, on bool) {
	if a := e.server.registry.at(netaddr.AddrPort(relayed)); a != nil {
		a.data.Bind(number, netaddr.AddrPort(peer), on)
	}
}
