package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"runtime"
	"time"

	"callbox/internal/accept"
	"callbox/signaling"
)

// Run serves until ctx ends. It is the composition root: what crosses the
// borders between the parts is handed over here.
func (c *serveCommand) Run(ctx context.Context, std streams, env environment, log *slog.Logger, faults faults) error {
	s, err := c.open(ctx, env, log, faults)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return s.run(ctx, std)
}

// open binds every socket and makes every part, or tells all faults at once,
// those given among them, with nothing left open.
func (c *serveCommand) open(ctx context.Context, env environment, log *slog.Logger, faults faults) (*server, error) {
	config := c.parseConfig(env, &faults)
	s := &server{
		turnPart: turnPart{log: log, files: followedFiles{log: log}, config: config.turnConfig, listeners: c.listen(ctx, &faults)},
		config:   config,
		calls:    newCalls(),
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
		shares.bound(&config.limits)
		config.signaling.Limits.AllConnections = shares.webSockets
		s.web = newWebBounds(c.LimitConnections, shares, s.memory, &s.proxies)
		s.sharePort(c.LimitConnections)
		faults.add("STUN and TURN", s.openTURN()) //nolint:contextcheck // the relays outlive ctx, until server.shutdown
	}
	if len(faults) == 0 {
		faults.add("signaling", s.openSignaling())
	}
	if len(faults) == 0 {
		return s, nil
	}
	s.abandon(ctx, &faults)
	return nil, faults.err()
}

// sharePort has TURN over TLS answered on the port of HTTPS too. limit bounds the
// clients of one address that have yet to tell which of the two they want.
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
	config.OriginRefused = s.noticeOrigin
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
		config.ICEServers = servers.forPeer
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
