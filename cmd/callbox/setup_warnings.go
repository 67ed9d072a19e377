package main

import (
	"net/http"
	"sync"
	"time"
)

// setupWarnings keeps track of warnings about settings that an operator behind a proxy
// may have missed. Those that strangers can cause repeatedly are logged once a minute.
type setupWarnings struct {
	publicIP, trust, unread sync.Once
	host, origin            warnLimit
}

// warnOfProxy warns once of each setting that a proxy in front makes necessary.
// Without --public-ip, TURN URLs contain the address at which requests arrive, which
// no client behind the proxy can reach. And the address that requests come from is the
// proxy's, unless the proxy is trusted to name the client's.
func (s *server) warnOfProxy(r *http.Request) {
	header := forwardedHeader(r.Header)
	if header == "" {
		return
	}
	if len(s.config.public.addrs()) == 0 && s.turn != nil {
		s.warned.publicIP.Do(func() {
			s.log.Warn("requests come through a proxy, so the server cannot derive from them the public address that clients need for TURN; set it with --public-ip")
		})
	}
	switch trusted := s.proxies.trusts(peerAddr(r)); {
	case header == "Forwarded" || header == "X-Real-Ip": // and no X-Forwarded-For
		s.warned.unread.Do(func() {
			s.log.Warn("a proxy sends its clients' addresses in a header that callbox does not read, so all its clients share the limits of one address; "+
				"have it send X-Forwarded-For, and name the proxy with --trusted-proxy", "header", header)
		})
	case !trusted:
		s.warned.trust.Do(func() {
			s.log.Warn("requests come through a proxy that is not trusted, so all its clients share the limits of one address; "+
				"if the proxy is yours, name it with --trusted-proxy", "header", header)
		})
	}
}

// forwardedHeader returns the first header that shows that a request came through a
// proxy; "" = none.
func forwardedHeader(header http.Header) string {
	for _, name := range []string{forwardedFor, "Forwarded", "X-Real-Ip", "X-Forwarded-Proto", "X-Forwarded-Host"} {
		if header[name] != nil {
			return name
		}
	}
	return ""
}

// warnOfOrigin warns of a page that was refused because of its origin. Behind a proxy
// that does not pass the Host header on, that is also every page of this server.
func (s *server) warnOfOrigin(r *http.Request) {
	if !s.warned.origin.allow(time.Now()) {
		return
	}
	origin := shortened(r.Header.Get("Origin"))
	s.log.Warn("a page was refused because its origin is not the host that it sent the request to", "origin", origin, "host", shortened(r.Host),
		"hint", "if it is this server's own page, have the proxy in front pass the Host header on (docs/operating.md, Behind a reverse proxy); "+
			"if it is a site that may use this server, start callbox with --allow-origin "+origin)
}
