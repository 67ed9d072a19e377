package main

import (
	"net/http"
	"sync"
	"time"
)

// notices are warnings of what an operator behind a proxy may not have thought
// of. Those that strangers can cause again and again come once a minute.
type notices struct {
	publicIP, trust, unread sync.Once
	host, origin            notice
}

// noticeProxy warns once of each thing that a proxy in front makes necessary.
// The address that requests arrive at, from which TURN URLs are made, is one
// that no client can reach; and the address that they come from is the
// proxy's, until it is trusted to tell another.
func (s *server) noticeProxy(r *http.Request) {
	header := forwardedHeader(r.Header)
	if header == "" {
		return
	}
	if len(s.config.public.addrs()) == 0 && s.turn != nil {
		s.notices.publicIP.Do(func() {
			s.log.Warn("requests come through a proxy, so their destination does not tell this server's public address, which clients need for TURN; set it with --public-ip")
		})
	}
	switch trusted := s.proxies.trusts(peerAddr(r)); {
	case header == "Forwarded" || header == "X-Real-Ip": // and no X-Forwarded-For
		s.notices.unread.Do(func() {
			s.log.Warn("a proxy sends its clients' addresses in a header that callbox does not read, so all its clients share the limits of one address; "+
				"have it send X-Forwarded-For, and name the proxy with --trusted-proxy", "header", header)
		})
	case !trusted:
		s.notices.trust.Do(func() {
			s.log.Warn("requests come through a proxy that is not trusted, so all its clients share the limits of one address; "+
				"if the proxy is yours, name it with --trusted-proxy", "header", header)
		})
	}
}

// forwardedHeader returns the first header by which a proxy gives itself away,
// "" = none.
func forwardedHeader(header http.Header) string {
	for _, name := range []string{forwardedFor, "Forwarded", "X-Real-Ip", "X-Forwarded-Proto", "X-Forwarded-Host"} {
		if header[name] != nil {
			return name
		}
	}
	return ""
}

// noticeOrigin warns of a page that was refused for its origin. Behind a proxy
// that does not pass the Host header on, that is every page of the server's own.
func (s *server) noticeOrigin(r *http.Request) {
	if !s.notices.origin.due(time.Now()) {
		return
	}
	origin := shortened(r.Header.Get("Origin"))
	s.log.Warn("a page was refused because its origin is not the host that it sent the request to", "origin", origin, "host", shortened(r.Host),
		"hint", "if it is this server's own page, have the proxy in front pass the Host header on (docs/operating.md, Behind a reverse proxy); "+
			"if it is a site that may use this server, start callbox with --allow-origin "+origin)
}
