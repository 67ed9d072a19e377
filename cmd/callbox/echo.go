package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"callbox/internal/netaddr"
	"callbox/peer"
	"callbox/peer/impair"
	"callbox/signaling"
	"callbox/signaling/protocol"
)

const (
	// echoCalls is how many test calls there may be at once. One client address has one of them.
	echoCalls = 10
	// echoTime is how long a test call lasts, echoWait how long the echo bot waits for the client
	// and then for the connection, and echoLimit bounds all that together.
	echoTime  = 2 * time.Minute
	echoWait  = 15 * time.Second
	echoLimit = echoTime + 2*echoWait
	// echoRate bounds what the echo bot sends, in bits per second. The client is asked for less
	// video, because what is above the rate is lost.
	echoRate      = 1_000_000
	echoVideoKbps = 700
	// echoPrefix begins the names of the private rooms, and echoBot is the name of the peer in
	// them.
	echoPrefix = "echo-"
	echoBot    = "Echo"
)

var (
	errEchoBusy  = errors.New("as many people as possible are making test calls now; try again in a minute")
	errEchoTwice = errors.New("somebody with your address is making a test call; it ends within two minutes")
	errEchoOver  = errors.New("the server is going down")
	errEchoOther = errors.New("this room belongs to somebody's test call")
)

// echoService answers the test calls: in each private room of signaling.Echo one peer sends back
// what it gets. It is relayed by this server and has no other socket, so that everything that it
// sends passes the rules about the peers of relays.
type echoService struct {
	room      string // that clients ask for
	log       *slog.Logger
	server    *pipeListener // leads to the signaling server
	relays    func(user string) []protocol.ICEServer
	isRelayed func(netip.AddrPort) bool // whether relays of this server have that address

	ctx    context.Context //nolint:containedctx // of the calls
	cancel context.CancelCauseFunc
	wait   sync.WaitGroup

	mu      sync.Mutex          // guards the following
	calls   map[string]echoCall // by private room
	opened  uint64              // test calls so far
	running int                 // those of them whose echo bot has not ended
	counts  map[string]uint64
}

// echoCall is a test call of a client at addr. The token admits the echo bot to its room, and
// cancel ends it.
type echoCall struct {
	addr   netip.Addr
	token  string
	cancel context.CancelFunc
}

// newEchoService returns a service whose calls end with close.
func newEchoService(room string, s *server) *echoService {
	e := &echoService{
		room:      room,
		log:       s.log.With("part", "echo"),
		server:    newPipeListener(),
		relays:    s.checks.servers.relaysHere,
		isRelayed: s.isRelayed,
		calls:     make(map[string]echoCall),
		counts:    map[string]uint64{"connected": 0, "failed": 0, "refused": 0},
	}
	e.ctx, e.cancel = context.WithCancelCause(context.Background())
	return e
}

// relaysHere returns one TURN server of this machine, with a credential for user, or none.
func (s *iceServers) relaysHere(user string) []protocol.ICEServer {
	username, password := s.credential(user, credentialLife)
	for _, server := range s.onThisMachine(username, password) {
		for _, url := range server.URLs {
			if strings.HasPrefix(url, "turn:") { // over UDP, if it is served
				server.URLs = []string{url}
				return []protocol.ICEServer{server}
			}
		}
	}
	return nil
}

// isRelayed reports whether relays of this server have that address.
func (p *turnService) isRelayed(addr netip.AddrPort) bool {
	return slices.Contains(p.config.public.addrs(), addr.Addr()) || slices.Contains(p.config.relayIPs, addr.Addr())
}

// signaling returns the configuration of the room.
func (e *echoService) signaling() *signaling.Echo {
	return &signaling.Echo{Room: e.room, Open: e.open, Rooms: e.rooms}
}

// open makes a private room for a client at addr and sends the echo bot there. It ends the test
// call that the client had before.
func (e *echoService) open(addr netip.Addr, before string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.release(before)
	addr = netaddr.Client(addr)
	err := e.refuses(addr)
	if err != nil {
		e.counts["refused"]++
		return "", err
	}
	room, token := echoPrefix+strings.ToLower(rand.Text()[:12]), rand.Text() // of 5 bits each
	ctx, cancel := context.WithTimeout(e.ctx, echoLimit)
	e.calls[room] = echoCall{addr, token, cancel}
	e.opened++
	e.running++
	user := fmt.Sprint("echo", e.opened)
	e.wait.Go(func() {
		defer cancel()
		e.answer(ctx, room, token, user)
	})
	return room, nil
}

// release ends the test call in a private room, if there is one, and makes its place free. It must
// be called with mu held.
func (e *echoService) release(room string) {
	if call, ok := e.calls[room]; ok {
		call.cancel()
		delete(e.calls, room)
	}
}

// refuses returns why no test call can be made from addr. It must be called with mu held.
func (e *echoService) refuses(addr netip.Addr) error {
	if e.ctx.Err() != nil {
		return errEchoOver
	}
	if len(e.calls) >= echoCalls || e.running >= 2*echoCalls {
		return errEchoBusy
	}
	for _, call := range e.calls {
		if call.addr == addr {
			return errEchoTwice
		}
	}
	return nil
}

// rooms returns the private rooms.
func (e *echoService) rooms() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	rooms := make([]string, 0, len(e.calls))
	for room := range e.calls {
		rooms = append(rooms, room)
	}
	return rooms
}

// authorize admits only the echo bot to a private room, and leaves all other rooms to next, which
// admits everybody if it is nil. See signaling.Config.
func (e *echoService) authorize(next func(token, room string) (signaling.Grant, error)) func(token, room string) (signaling.Grant, error) {
	return func(token, room string) (signaling.Grant, error) {
		e.mu.Lock()
		call, private := e.calls[room]
		e.mu.Unlock()
		switch {
		case private && subtle.ConstantTimeCompare([]byte(token), []byte(call.token)) != 1:
			return signaling.Grant{}, errEchoOther
		case private:
			return signaling.Grant{Name: echoBot}, nil
		case next == nil:
			return signaling.Grant{}, nil
		default:
			return next(token, room)
		}
	}
}

// answer makes the echo bot's call.
func (e *echoService) answer(ctx context.Context, room, token, user string) {
	report, err := peer.Run(ctx, peer.Config{
		Server: "http://" + echoPrefix + "pipe.invalid", DialServer: e.server.dial, Room: room, Token: token,
		Echo: true, CountAudio: true, VideoKbps: echoVideoKbps, Impair: impair.Config{Rate: echoRate},
		ICE: peer.Relay, ICEServers: e.relays(user), AllowRemote: e.isRelayed, NoMDNS: true,
		Duration: echoTime, ConnectTimeout: echoWait,
		Observe: func(event peer.Event) {
			// Whoever has left may come again at once. A page that is reloaded names its room then, see open.
			if event.Kind == peer.EventPeerLeft && event.Reason == string(protocol.ReasonLeft) {
				e.mu.Lock()
				defer e.mu.Unlock()
				e.release(room)
			}
		},
		Version: programVersion(), Logger: e.log,
	})
	result := "failed"
	switch {
	case err != nil:
		e.log.Error("a test call could not be made", "err", err)
	case report.TimelineMS.DTLSConnected != nil:
		result = "connected"
		fallthrough
	default:
		e.log.Info("a test call has ended", "result", result, "exit_code", int(report.ExitCode))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.release(room)
	e.running--
	e.counts[result]++
}

// serve connects the echo bot with the signaling server until close.
func (e *echoService) serve(handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderTimeout}
	if err := server.Serve(e.server); !errors.Is(err, errPipeClosed) {
		return fmt.Errorf("serve the echo bot: %w", err)
	}
	return nil
}

// close ends the test calls and waits for them.
func (e *echoService) close(context.Context) error {
	e.mu.Lock() // no call begins after this
	e.cancel(errEchoOver)
	e.mu.Unlock()
	e.wait.Wait()
	return e.server.Close()
}

func (e *echoService) metrics(m sink) {
	e.mu.Lock()
	defer e.mu.Unlock()
	m.gauge("echo_calls", "Test calls with the echo bot.", int64(len(e.calls)))
	m.counters("echo_calls_total", "Test calls with the echo bot that have ended, by result: connected, failed (never connected), or refused (too many).", "result", e.counts)
}
