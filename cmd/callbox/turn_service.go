package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"callbox/internal/budget"
	"callbox/internal/safefile"
	"callbox/turnserver"
	"callbox/turnserver/publicip"
)

// turnService is the STUN and TURN server with its sockets, certificate and secrets.
// callbox turn consists of it, and callbox serve embeds it.
type turnService struct {
	log          *slog.Logger
	config       *turnConfig
	listeners    *listeners
	machine      *machine
	certificates certificates
	shared       net.Listener       // TURN over TLS on the port of HTTPS; nil = none
	turn         *turnserver.Server // nil = off
	memory       *budget.Memory     // for what clients make the process hold

	files    reloader
	finder   publicip.Finder
	stopping atomic.Bool

	mu sync.Mutex
	// mu guards the following.
	warnings []string // about how the relays are reached; for /readyz
}

// prepare determines the addresses of the machine and loads or creates the
// certificate, and adds all faults. https reports whether more than TURN is served over
// TLS.
func (p *turnService) prepare(ctx context.Context, https bool, faults *faults) {
	p.memory = p.config.memory.open(ctx, p.log)
	var err error
	if p.machine, err = thisMachine(ctx); err != nil {
		faults.add("addresses of this machine", err)
	} else {
		p.findPublicIPs(ctx, faults)
		p.config.relayIPs = p.machine.relayIPs(p.config.relayIPs, p.config.public.addrs(), faults)
	}
	if p.config.turnFlags.servesTURN() {
		p.config.checkRelayIPs(ctx, faults)
	}
	if _, err := os.Stat(p.config.data); len(*faults) > 0 && errors.Is(err, fs.ErrNotExist) {
		p.config.data = "" // a start that fails does not create it
	}
	p.warnOfOpenFolder(p.config.data)
	p.certificates = p.config.openCertificates(https, p.log, faults)
}

// warnOfOpenFolder warns if other users can access the data folder. It does not change
// the permissions of an existing folder.
func (p *turnService) warnOfOpenFolder(data string) {
	if data == "" {
		return
	}
	if remark := safefile.OpenToOthers(data); remark != "" {
		p.log.Warn("the data folder is not private", "remark", remark)
	}
}

// findPublicIPs looks up the addresses under which relays are advertised.
func (p *turnService) findPublicIPs(ctx context.Context, faults *faults) {
	p.finder.Local = p.machine.has
	addrs, err := p.config.public.find(ctx, &p.finder, p.machine, p.log)
	faults.add("--public-ip", err)
	p.config.public.current.Store(&addrs)
}

// checkRelayIPs adds a fault for each address that no relay could bind to.
func (c *turnConfig) checkRelayIPs(ctx context.Context, faults *faults) {
	for _, addr := range c.relayIPs {
		address := netip.AddrPortFrom(addr, 0).String()
		if conn := listenUDP(ctx, "--relay-ip", address, faults); conn != nil {
			_ = conn.Close() // it was only a test
		}
	}
}

// openTURN creates the TURN server, unless it is off. The server then owns its sockets.
func (p *turnService) openTURN() error {
	if !p.config.turnFlags.servesTURN() {
		return nil
	}
	p.config.warnOfWeakUsers(p.config.users.values, p.log)
	var listeners []turnserver.Listener
	for _, l := range p.listeners.turnTCP {
		listeners = append(listeners, turnserver.Listener{Listener: l, Protocol: turnserver.TCP})
	}
	for _, l := range p.listeners.turnTLS {
		secure := tls.NewListener(turnserver.NewListener(l), p.certificates.config())
		listeners = append(listeners, turnserver.Listener{Listener: secure, Protocol: turnserver.TLS})
	}
	if p.shared != nil {
		listeners = append(listeners, turnserver.Listener{Listener: p.shared, Protocol: turnserver.TLS})
	}
	var bindings []net.PacketConn
	if p.listeners.stunUDP != nil {
		bindings = append(bindings, p.listeners.stunUDP)
	}
	var memory turnserver.Memory
	if p.memory != nil {
		memory = p.memory
	}
	var err error
	p.turn, err = turnserver.New(turnserver.Config{
		Realm:       p.config.turnFlags.Realm,
		Secrets:     p.config.secrets.values,
		Users:       p.config.users.values,
		PacketConns: p.listeners.turnUDP,
		Listeners:   listeners,
		RelayIPs:    p.config.relayIPs,

		BindingConns: bindings,

		PublicIPs:  p.config.public.addrs(),
		RelayPorts: p.config.relayPorts,

		DefaultFamily: turnserver.Family(p.config.turnFlags.TurnDefaultFamily),

		AllowPeers: p.config.allowPeers.values,
		DenyPeers:  p.config.denyPeers.values,
		Limits:     p.config.limits,
		Memory:     memory,
		NoShortCut: p.config.turnFlags.NoShortCut,
		NoOffload:  p.config.turnFlags.NoOffload,
		Logger:     p.log.With("part", "turn"),
	})
	return err
}

// closeAll closes what is open, for a start that fails.
func (p *turnService) closeAll(ctx context.Context, faults *faults) {
	if p.turn != nil {
		faults.add("STUN and TURN", p.turn.Close(ctx)) // which owns its sockets
	} else {
		_ = p.listeners.close() // their faults have been added already
	}
}

// follow reloads files, and looks up public addresses that may change, until ctx ends.
func (p *turnService) follow(ctx context.Context, group *errgroup.Group) {
	p.certificates.follow(&p.files)
	if p.turn == nil {
		return
	}
	allow, deny := p.config.allowPeers.values, p.config.denyPeers.values
	setPeers := func(list *[]netip.Prefix) func([]netip.Prefix) error {
		return func(changed []netip.Prefix) error {
			*list = changed
			p.turn.SetPeers(allow, deny)
			return nil
		}
	}
	group.Go(func() error {
		p.checkReach(ctx)
		return nil
	})
	if public := p.config.public; public.mayChange() {
		group.Go(func() error {
			public.follow(ctx, publicPeriod, func(ctx context.Context) ([]netip.Addr, error) {
				return public.find(ctx, &p.finder, p.machine, p.log)
			}, p.log, p.turn.SetPublicIPs)
			return nil
		})
	}
	follow(&p.files, p.config.secrets, p.turn.SetSecrets)
	follow(&p.files, p.config.users, p.setUsers)
	follow(&p.files, p.config.allowPeers, setPeers(&allow))
	follow(&p.files, p.config.denyPeers, setPeers(&deny))
}

// shutdownStep is one step of a shutdown, with its share of the time.
type shutdownStep struct {
	name  string
	limit time.Duration
	run   func(context.Context) error
}

// shutdown runs steps in order, and then shuts down the TURN server and the admin
// listener, which answers "not ready" meanwhile.
func (p *turnService) shutdown(ctx context.Context, admin *http.Server, steps ...shutdownStep) error {
	p.stopping.Store(true)
	p.log.Info("shutting down")
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, shutdownTime)
	defer cancel()
	if p.turn != nil {
		steps = append(steps, shutdownStep{"turn", turnTime, p.turn.Close})
	}
	if admin != nil {
		steps = append(steps, shutdownStep{"admin", httpTime, func(ctx context.Context) error { return shutdownHTTP(ctx, admin) }})
	}
	var errs []error
	for _, step := range steps {
		ctx, cancel := context.WithTimeout(ctx, step.limit)
		if err := step.run(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("shut down %s: %w", step.name, err))
		}
		cancel()
	}
	p.log.Info("shut down", "dur_ms", time.Since(begun).Milliseconds())
	return errors.Join(errs...)
}
