package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"callbox/internal/netaddr"
	"callbox/signaling"
)

// front returns routes with the handlers that come before them on a listener.
func (s *server) front(l net.Listener, routes http.Handler) http.Handler {
	handler := belowPath(s.config.basePath, routes)
	if rule := s.hostRule(l); rule != nil {
		handler = rule.guard(handler)
	}
	return s.secureHeaders(handler)
}

// secureHeaders adds the headers that every response has, including errors.
func (s *server) secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if value := s.hsts.value(r); value != "" {
			w.Header().Set("Strict-Transport-Security", value)
		}
		next.ServeHTTP(w, r)
	})
}

// hostRule returns the rule for a listener on loopback; nil for other listeners.
func (s *server) hostRule(l net.Listener) *hostRule {
	if !netaddr.AddrPort(l.Addr()).Addr().IsLoopback() {
		return nil
	}
	rule := &hostRule{names: s.config.hosts, log: s.log, warn: &s.warned.host}
	if l != s.listeners.http {
		rule.leaf = s.certificates.leaf
	}
	return rule
}

// webListener wraps the listener of plain HTTP, so that most WebSockets are opened
// without going through the HTTP handlers, unless each request is to be logged.
func (s *server) webListener(ctx context.Context, inner net.Listener) net.Listener {
	if s.log.Enabled(ctx, slog.LevelDebug) {
		return signaling.NewListener(inner)
	}
	rule := s.hostRule(s.listeners.http)
	return s.signaling.Listener(inner, s.config.basePath+webSocketPath[1:], func(r *http.Request) bool {
		if rule != nil && !rule.answers(r) {
			return false
		}
		s.warnOfProxy(r)
		return true
	})
}
