package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"callbox/signaling"
	"callbox/turnserver"
)

// Run serves until ctx ends. It is the composition root: what crosses the
// borders between the parts is handed over here.
func (c *serveCommand) Run(ctx context.Context, std streams, env environment, log *slog.Logger, faults faults) error {
	s, err := c.open(ctx, env, log, faults)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return s.run(ctx, std.stdout)
}

// open binds every socket and makes every part, or tells all faults at once,
// those given among them, with nothing left open.
func (c *serveCommand) open(ctx context.Context, env environment, log *slog.Logger, faults faults) (*server, error) {
	config := c.parseConfig(env, &faults)
	s := &server{log: log, config: config, listeners: c.listen(ctx, &faults), calls: newCalls()}
	var err error
	if s.machine, err = thisMachine(ctx); err != nil {
		faults.add("addresses of this machine", err)
	} else {
		config.relayIPs = s.machine.relayIPs(config.relayIPs, config.publicIPs, &faults)
	}
	if c.servesTURN() {
		config.tryRelayIPs(ctx, &faults)
	}
	if _, err := os.Stat(config.data); len(faults) > 0 && errors.Is(err, fs.ErrNotExist) {
		config.data = "" // not made for a start that fails
	}
	s.certificates = config.openCertificates(log, &faults)
	config.openSecrets(&faults)
	if len(faults) == 0 {
		faults.add("STUN and TURN", s.openTURN()) //nolint:contextcheck // the relays outlive ctx, until server.shutdown
	}
	if len(faults) == 0 {
		faults.add("signaling", s.openSignaling())
	}
	if len(faults) == 0 {
		return s, nil
	}
	if s.turn != nil {
		faults.add("STUN and TURN", s.turn.Close(ctx)) // which owns its sockets
	} else {
		_ = s.listeners.close() // what was wrong with them has been told
	}
	return nil, faults.err()
}

// tryRelayIPs notes addresses that no relay could bind to.
func (c *serveConfig) tryRelayIPs(ctx context.Context, faults *faults) {
	for _, addr := range c.relayIPs {
		address := netip.AddrPortFrom(addr, 0).String()
		if conn := listenUDP(ctx, "--relay-ip", address, faults); conn != nil {
			_ = conn.Close() // it was only tried
		}
	}
}

func (s *server) openTURN() error {
	if !s.config.flags.servesTURN() {
		return nil
	}
	var listeners []turnserver.Listener
	for _, l := range s.listeners.turnTCP {
		listeners = append(listeners, turnserver.Listener{Listener: l, Protocol: turnserver.TCP})
	}
	if l := s.listeners.turnTLS; l != nil {
		listeners = append(listeners, turnserver.Listener{Listener: tls.NewListener(l, s.certificates.config()), Protocol: turnserver.TLS})
	}
	var err error
	s.turn, err = turnserver.New(turnserver.Config{
		Realm:       s.config.flags.Realm,
		Secrets:     s.config.secrets.turn.values,
		PacketConns: s.listeners.turnUDP,
		Listeners:   listeners,
		RelayIPs:    s.config.relayIPs,
		PublicIPs:   s.config.publicIPs,
		RelayPorts:  s.config.relayPorts,
		AllowPeers:  s.config.allowPeers.values,
		DenyPeers:   s.config.denyPeers.values,
		Logger:      s.log.With("part", "turn"),
	})
	return err
}

func (s *server) openSignaling() error {
	config := s.config.signaling
	config.Logger = s.log.With("part", "signaling")
	config.ClientAddr = s.proxies.clientAddr
	config.Report = s.calls.report
	config.SessionSecrets = s.config.secrets.session.values
	err := s.proxies.set(s.config.proxies.values)
	if secrets := s.config.secrets.join.values; len(secrets) > 0 && err == nil {
		s.joins, err = newJoinTokens(secrets, time.Now)
		config.Authorize = s.joins.authorize
	}
	if err != nil {
		return err
	}
	if s.turn != nil {
		servers := &iceServers{
			endpoints:  s.listeners.endpoints(),
			publicIPs:  s.config.publicIPs,
			machine:    s.machine,
			credential: s.turn.Credential,
		}
		if s.certificates.files != nil {
			servers.leaf = s.certificates.files.Leaf
		}
		config.ICEServers = servers.forPeer
	}
	s.signaling, err = signaling.New(config)
	return err
}

// tellReach logs who can reach the relays, when that is not everybody.
func (s *server) tellReach() {
	if s.turn == nil {
		return
	}
	if public := s.config.publicIPs; len(public) > 0 {
		for _, addr := range public {
			if !reachableFromOutside(addr) {
				s.log.Warn("relays are advertised under a private address, calls work inside its network only", "flag", "--public-ip")
			}
		}
		return
	}
	for _, addr := range s.config.relayIPs {
		if reachableFromOutside(addr) {
			return
		}
	}
	s.log.Info("relays have private addresses, calls work inside this network only; set --public-ip to be reachable from outside")
}
