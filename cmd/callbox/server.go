package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"callbox/internal/accept"
	"callbox/signaling"
)

const (
	// shutdownTime bounds the whole end; each step has its own share, so that
	// one that hangs leaves time for the others.
	shutdownTime  = 9 * time.Second
	signalingTime = 2 * time.Second
	httpTime      = 2 * time.Second
	turnTime      = 3 * time.Second
)

// server is callbox serve, bound and made, ready to run.
type server struct {
	turnPart
	config    *serveConfig
	signaling *signaling.Server
	mux       *tlsMux // nil = HTTPS has its port for itself, or is off
	proxies   trustedProxies
	joins     *joinTokens // nil = everybody may join
	calls     *calls
	notices   notices
	hsts      hsts
	web       *webBounds
}

// run serves until ctx ends or a listener fails, then ends everything.
// It owns every goroutine of this package.
func (s *server) run(ctx context.Context, std streams) error {
	group, ctx := errgroup.WithContext(ctx)
	routes := s.web.requests.limit(s.routes()) //nolint:contextcheck // a request has a context of its own
	var servers []*http.Server
	serve := func(listener net.Listener, handler http.Handler, config *tls.Config) {
		server := s.web.newServer(handler, config, s.log)
		servers = append(servers, server)
		group.Go(func() error { return s.serveHTTP(server, listener) })
	}
	if l := s.listeners.http; l != nil {
		plain := s.webListener(ctx, s.web.conns.Listener(l, accept.Plain))
		serve(wordyListener{plain, newBadRequestPage(s.config.basePath)}, s.front(l, routes), nil)
	}
	if s.mux != nil {
		group.Go(s.mux.run)
		serve(s.mux.web, withPeekedTLS(s.front(s.mux.web, routes)), s.mux.config)
	} else if l := s.listeners.https; l != nil {
		secured := signaling.NewListener(s.web.conns.Listener(l, accept.Secure))
		serve(tls.NewListener(secured, s.webTLS()), s.front(l, routes), s.webTLS())
	}
	var admin *http.Server
	if s.listeners.admin != nil {
		admin = s.serveAdmin(group, s.adminRoutes(), s.web.conns)
	}
	s.follow(ctx, group, std)
	group.Go(func() error {
		<-ctx.Done()
		return s.end(context.WithoutCancel(ctx), servers, admin)
	})
	s.tellReach()
	if err := s.tellReady(std.stdout, s.config.basePath); err != nil {
		s.log.Warn("could not write the ready line", "err", err)
	}
	return group.Wait()
}

// webTLS is what pages are served with.
func (s *server) webTLS() *tls.Config { return s.certificates.config("h2", "http/1.1") }

// follow has files read again while ctx lasts.
func (s *server) follow(ctx context.Context, group *errgroup.Group, std streams) {
	s.turnPart.follow(ctx, group)
	follow(&s.files, s.config.proxies, s.proxies.set)
	follow(&s.files, s.config.session, s.signaling.SetSessionSecrets)
	if s.joins != nil {
		follow(&s.files, s.config.join, s.joins.setSecrets)
	}
	group.Go(func() error {
		s.files.follow(ctx, std)
		return nil
	})
}

// serveHTTP serves until the end.
func (p *turnPart) serveHTTP(server *http.Server, listener net.Listener) error {
	err := server.Serve(listener)
	if p.stopping.Load() {
		return nil // as it should
	}
	return fmt.Errorf("serve %s: %w", listener.Addr(), err)
}

// end ends everything in this order: nobody new, clients are told, pages are
// finished, relays end, and last the admin listener.
func (s *server) end(ctx context.Context, servers []*http.Server, admin *http.Server) error {
	steps := []endStep{{"signaling", signalingTime, func(ctx context.Context) error {
		for _, l := range []net.Listener{s.listeners.http, s.listeners.https} {
			if l != nil {
				_ = l.Close() // Shutdown closes it once more
			}
		}
		return s.endSignaling(ctx)
	}}}
	for _, server := range servers {
		steps = append(steps, endStep{"http", httpTime, func(ctx context.Context) error { return endHTTP(ctx, server) }})
	}
	return s.shutdown(ctx, admin, steps...)
}

// endSignaling tells clients that the server is going down. Those that do not
// close their end in time are cut, which is their fault and no failure.
func (s *server) endSignaling(ctx context.Context) error {
	err := s.signaling.Close(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Info("closed the connections of clients that did not close them in time")
		return nil
	}
	return err
}

// endHTTP waits for requests that run, and cuts them when ctx ends first: a
// client that reads slowly is no reason to fail.
func endHTTP(ctx context.Context, server *http.Server) error {
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	}
	return err
}
