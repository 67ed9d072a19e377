package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"

	"callbox/frontend"
)

const (
	webSocketPath = "/ws"   // signaling over WebSocket
	apiPath       = "/api/" // signaling over plain HTTP, and new rooms
	checkPath     = apiPath + "v1/check"
)

// routes returns what the http and https listeners serve. This is the only file that
// uses Echo.
func (s *server) routes() http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Use(accessLog(s.log, s.proxies.clientAddr), recoverPanic(s.log), func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			s.warnOfProxy(c.Request())
			return next(c)
		}
	})
	e.Any(webSocketPath, echo.WrapHandler(withInnerConn(s.signaling.WebSocketHandler())))
	e.Any(checkPath, echo.WrapHandler(s.checks))
	e.Any(apiPath+"*", echo.WrapHandler(holdStreams(s.signaling.APIHandler())))
	if s.certificates.local != nil {
		for _, path := range []string{caPath, caFilePath} {
			e.Match([]string{http.MethodGet, http.MethodHead}, path, echo.WrapHandler(http.HandlerFunc(s.serveCA)))
		}
	}
	page := frontend.Config{Version: programVersion(), EmbedOrigins: s.config.embedders}
	if s.echo != nil {
		page.EchoRoom = s.config.echoRoom
	}
	e.Any("/*", echo.WrapHandler(frontend.Handler(page)))
	return e
}

// accessLog logs requests at debug level, by route, because paths contain the names of
// rooms and queries may contain more.
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

// recoverPanic turns a panic into a 500 and a log line, so that a bug in one request
// does not affect others.
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
