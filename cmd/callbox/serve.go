package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"runtime"
	"time"

	"callbox/internal/accept"
	"callbox/internal/netaddr"
	"callbox/signaling"
)

// Run serves until ctx ends. It is the composition root: everything that connects
// the parts is set up below it.
func (c *serveCommand) Run(ctx context.Context, std streams, env environment, log *slog.Logger, faults faults) error {
	s, err := c.open(ctx, env, log, faults)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return s.run(ctx, std)
}

// open binds all sockets and creates all parts. Otherwise it returns all faults at
// once, including the given ones, and leaves nothing open.
func (c *serveCommand) open(ctx context.Context, env environment, log *slog.Logger, faults faults) (*server, error) {
	config := c.parseConfig(env, &faults)
	s := &server{
		turnService: turnService{log: log, files: reloader{log: log}, config: config.turnConfig, listeners: c.listen(ctx, &faults)},
		config:      config,
		calls:       newCalls(),
	}
	s.prepare(ctx, c.HTTPS != "", &faults)
	config.openSecrets(log, &faults)
	s.hsts.off = c.HSTS == "off"
	if files := s.certificates.files; files != nil {
		s.hsts.certificate = files.Certificate
	}
	if len(faults) == 0 {
		shares := shareDescriptors(descriptors(), runtime.GOMAXPROCS(0), true, c.servesTURN(), c.TurnTotalQuota)
		warnOfDescriptors(descriptors(), shares, s.log)
		shares.apply(&config.limits)
		config.signaling.Limits.AllConnections = shares.webSockets
		s.web = newWebLimits(c.LimitConnections, shares, s.memory, &s.proxies)
		s.sharePort(c.LimitConnections)
		faults.add("STUN and TURN", s.openTURN()) //nolint:contextcheck // the relays outlive ctx, until turnService.shutdown
	}
	if len(faults) == 0 {
		faults.add("signaling", s.openSignaling())
	}
	if len(faults) == 0 {
		return s, nil
	}
	s.closeAll(ctx, &faults)
	return nil, faults.err()
}

// sharePort also serves TURN over TLS on the port of HTTPS. limit bounds, for each
// client address, the connections that have not shown yet which of the two they are.
func (s *server) sharePort(limit int) {
	if l := s.listeners.https; l != nil && s.config.turnFlags.servesTURN() {
		s.mux = newTLSMux(signaling.NewListener(s.web.conns.Listener(l, accept.Secure)), s.webTLS(), limit, s.web.conns, newBadRequestPage(s.config.basePath), s.log)
		s.shared, s.listeners.shared = s.mux.turn, true
	}
}

func (s *server) openSignaling() error {
	config := s.config.signaling
	config.Logger = s.log.With("part", "signaling")
	config.ClientAddr = s.proxies.clientAddr
	config.OriginRefused = s.warnOfOrigin
	config.Memory = s.memory
	config.Report = s.calls.report
	config.SessionSecrets = s.config.session.values
	if s.config.data != "" {
		config.Kicks = kickFile(filepath.Join(s.config.data, kicksFile))
	}
	err := s.proxies.set(s.config.proxies.values)
	if secrets := s.config.join.values; len(secrets) > 0 && err == nil {
		s.joins, err = newJoinTokens(secrets, time.Now)
		config.Authorize = s.joins.authorize
	}
	if err != nil {
		return err
	}
	s.checks = newChecks(s)
	if s.turn != nil {
		servers := &iceServers{
			endpoints:  s.listeners.offered(),
			publicIPs:  s.config.public.addrs,
			machine:    s.machine,
			credential: s.turn.Credential,
		}
		if s.certificates.files != nil {
			servers.leaf = s.certificates.files.Leaf
		}
		if l := s.listeners.stunUDP; l != nil {
			servers.second = netaddr.AddrPort(l.LocalAddr())
		}
		s.checks.servers = servers
		config.ICEServers = servers.forPeer
		if s.config.echoRoom != "" {
			s.echo = newEchoService(s.config.echoRoom, s)
			config.Echo = s.echo.signaling()
			config.Authorize = s.echo.authorize(config.Authorize)
		}
		config.Seated = func(peer string, seated bool) {
			if seated {
				s.turn.Restore(peer)
			} else {
				s.turn.Suspend(peer)
			}
		}
	}
	s.signaling, err = signaling.New(config)
	return err
}
