package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"callbox/internal/accept"
	"callbox/signaling"
)

const (
	// shutdownTime is for the whole shutdown. Each step has a limit of its own, so that one
	// that hangs leaves time for the others; if all hang, the last one is cut short.
	shutdownTime  = 9 * time.Second
	signalingTime = 2 * time.Second
	httpTime      = 2 * time.Second
	turnTime      = 3 * time.Second
	echoCloseTime = time.Second
)

// server is callbox serve, with all sockets bound and all parts created.
type server struct {
	turnService
	config    *serveConfig
	signaling *signaling.Server
	mux       *tlsMux // nil = HTTPS does not share its port, or is off
	proxies   trustedProxies
	joins     *joinTokens // nil = joins need no token
	checks    *checks
	calls     *calls
	echo      *echoService // nil = off
	warned    setupWarnings
	hsts      hsts
	web       *webLimits
}

// run serves until ctx ends or a listener fails, then shuts everything down. It owns
// all goroutines of this package.
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
		serve(badRequestListener{plain, newBadRequestPage(s.config.basePath)}, s.front(l, routes), nil)
	}
	if s.mux != nil {
		group.Go(s.mux.run)
		serve(s.mux.web, withTLSState(s.front(s.mux.web, routes)), s.mux.config)
	} else if l := s.listeners.https; l != nil {
		secured := signaling.NewListener(s.web.conns.Listener(l, accept.Secure))
		serve(tls.NewListener(secured, s.webTLS()), s.front(l, routes), s.webTLS())
	}
	var admin *http.Server
	if s.listeners.admin != nil {
		admin = s.serveAdmin(group, s.adminRoutes(), s.web.conns)
	}
	s.follow(ctx, group, std)
	if s.echo != nil {
		group.Go(func() error { return s.echo.serve(s.signaling.WebSocketHandler()) })
	}
	group.Go(func() error {
		<-ctx.Done()
		return s.shutdownAll(context.WithoutCancel(ctx), servers, admin)
	})
	s.warnOfReach()
	if err := s.printReady(std.stdout, s.config.basePath); err != nil {
		s.log.Warn("could not write the ready line", "err", err)
	}
	group.Go(func() error {
		s.checkSelf(ctx)
		return nil
	})
	return group.Wait()
}

// webTLS returns the TLS configuration of the pages.
func (s *server) webTLS() *tls.Config { return s.certificates.config("h2", "http/1.1") }

// follow reloads files until ctx ends.
func (s *server) follow(ctx context.Context, group *errgroup.Group, std streams) {
	s.turnService.follow(ctx, group)
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

// serveHTTP serves until shutdown.
func (p *turnService) serveHTTP(server *http.Server, listener net.Listener) error {
	err := server.Serve(listener)
	if p.stopping.Load() {
		return nil // as expected
	}
	return fmt.Errorf("serve %s: %w", listener.Addr(), err)
}

// shutdownAll shuts everything down in this order: it closes the listeners, notifies
// the clients, waits for requests, ends the relays, and last the admin listener.
func (s *server) shutdownAll(ctx context.Context, servers []*http.Server, admin *http.Server) error {
	steps := []shutdownStep{{"signaling", signalingTime, func(ctx context.Context) error {
		for _, l := range []net.Listener{s.listeners.http, s.listeners.https} {
			if l != nil {
				_ = l.Close() // Shutdown closes it again
			}
		}
		return s.closeSignaling(ctx)
	}}}
	if s.echo != nil { // before the server that its calls are signalled by
		steps = slices.Insert(steps, 0, shutdownStep{"echo", echoCloseTime, s.echo.close})
	}
	for _, server := range servers {
		steps = append(steps, shutdownStep{"http", httpTime, func(ctx context.Context) error { return shutdownHTTP(ctx, server) }})
	}
	return s.shutdown(ctx, admin, steps...)
}

// closeSignaling notifies clients that the server shuts down. The connections of those
// that do not close them in time are closed, which is not an error.
func (s *server) closeSignaling(ctx context.Context) error {
	err := s.signaling.Close(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Info("closed the connections of clients that did not close them in time")
		return nil
	}
	return err
}

// shutdownHTTP waits for running requests, and aborts them when ctx ends, because a
// client that reads slowly is not an error.
func shutdownHTTP(ctx context.Context, server *http.Server) error {
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	}
	return err
}
