package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"callbox/frontend"
	"callbox/signaling"
)

// webSocketPath is where signaling over WebSocket is.
const webSocketPath = "/ws"

// routes returns what the http and https listeners serve. This is the only
// file that knows Echo.
func (s *server) routes() http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Use(accessLog(s.log, s.proxies.clientAddr), recoverPanic(s.log), func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			s.noticeProxy(c.Request())
			return next(c)
		}
	})
	e.Any(webSocketPath, echo.WrapHandler(withBareConn(s.signaling.WebSocketHandler())))
	e.Any("/api/*", echo.WrapHandler(holdStreams(s.signaling.APIHandler())))
	if local := s.certificates.local; local != nil {
		e.Match([]string{http.MethodGet, http.MethodHead}, "/ca.crt", func(c echo.Context) error {
			// The type makes a phone offer to install it.
			c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="callbox-ca.crt"`)
			return c.Blob(http.StatusOK, "application/x-x509-ca-cert", local.CAPEM())
		})
	}
	e.Any("/*", echo.WrapHandler(frontend.Handler(frontend.Config{Version: programVersion()})))
	return e
}

// accessLog logs requests at debug level by route: paths name rooms, and
// queries may hold more.
func accessLog(log *slog.Logger, clientAddr func(*http.Request) netip.Addr) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !log.Enabled(c.Request().Context(), slog.LevelDebug) {
				return next(c)
			}
			begun := time.Now()
			if err := next(c); err != nil {
				c.Error(err) // writes the response, so that its status is known
			}
			log.Debug("request", "method", c.Request().Method, "route", c.Path(), "status", c.Response().Status,
				"remote_addr", clientAddr(c.Request()), "dur_ms", time.Since(begun).Milliseconds())
			return nil
		}
	}
}

// recoverPanic turns a panic into a 500 and a line in the log, so that a fault
// in one request is not everybody's.
func recoverPanic(log *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			defer func() {
				fault := recover()
				if fault == nil {
					return
				}
				if fault == http.ErrAbortHandler { //nolint:errorlint // net/http compares it in the same way
					panic(fault)
				}
				log.Error("panic in a request", "route", c.Path(), "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
				err = echo.ErrInternalServerError
			}()
			return next(c)
		}
	}
}

// webListener wraps the listener of plain HTTP. Most WebSockets open without
// any handler in front of them, which do no more than notice proxies then,
// unless each request is to be logged.
func (s *server) webListener(ctx context.Context, inner net.Listener) net.Listener {
	if s.log.Enabled(ctx, slog.LevelDebug) {
		return signaling.NewListener(inner)
	}
	return s.signaling.Listener(inner, webSocketPath, s.noticeProxy)
}

// proxyNotices warns, once each, of what an operator behind a proxy may not
// have thought of. The address that requests arrive at, from which TURN URLs
// are made, is then one that no client can reach; and the address that they
// come from is the proxy's, until it is trusted to tell another.
type proxyNotices struct{ publicIP, trust sync.Once }

func (s *server) noticeProxy(r *http.Request) {
	forwarded := r.Header.Get(forwardedFor) != ""
	if (forwarded || r.Header.Get("Forwarded") != "") && len(s.config.public.addrs()) == 0 && s.turn != nil {
		s.notices.publicIP.Do(func() {
			s.log.Warn("requests come through a proxy, clients cannot learn this server's address from them; name it with --public-ip")
		})
	}
	if !forwarded {
		return
	}
	if peer := peerAddr(r); (peer.IsLoopback() || peer.IsPrivate()) && !s.proxies.trusts(peer) {
		s.notices.trust.Do(func() {
			s.log.Warn("requests come through a proxy that is not trusted, all its clients share the limits of one address; name it with --trusted-proxy")
		})
	}
}
