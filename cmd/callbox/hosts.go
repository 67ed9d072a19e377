package main

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"callbox/frontend"
)

// hostRule keeps web sites away from a listener on loopback. A site can make its own
// name resolve to 127.0.0.1 (DNS rebinding). To the browser of a visitor, the listener
// then is the site's own server, and only the Host header shows the difference. Headers
// that proxies add prove nothing, because the site's scripts can send them, too.
type hostRule struct {
	names []string // accepted names, as hostOf returns them
	// leaf returns the certificate of the listener; nil = no TLS.
	leaf func() *x509.Certificate
	log  *slog.Logger
	warn *warnLimit
}

// answers reports whether the host that a request names is accepted.
func (h *hostRule) answers(r *http.Request) bool {
	name := hostOf(r.Host)
	switch {
	case isLocalHost(r.Host), slices.Contains(h.names, name):
		return true
	case r.Host == "":
		return !r.ProtoAtLeast(1, 1) // browsers never use HTTP/1.0
	default:
		// No other site has a certificate for a name in this server's certificate.
		return h.leaf != nil && r.TLS != nil && h.leaf().VerifyHostname(name) == nil
	}
}

// guard answers requests for other names with 421 (RFC 9110, section 15.5.20).
func (h *hostRule) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.answers(r) {
			next.ServeHTTP(w, r)
			return
		}
		name := shortened(hostOf(r.Host))
		if h.warn.allow(time.Now()) {
			h.log.Warn("a request was refused because of its host name", "host", name,
				"hint", "if this name leads here on purpose, for example through a reverse proxy, start callbox with --host "+name)
		}
		refuseHost(w, r, name)
	})
}

// hostOf returns the host of a Host header in lower case, without the port, the
// brackets of IPv6 and a trailing dot.
func hostOf(header string) string {
	host := header
	if name, _, err := net.SplitHostPort(header); err == nil {
		host = name
	} else if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isLocalHost reports whether the host of a request, with or without a port, is
// localhost or an IP address, so that DNS rebinding is impossible.
func isLocalHost(header string) bool {
	host := hostOf(header)
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost"
}

// parseHosts returns the names of --host in the form in which browsers send them.
func parseHosts(given []string, faults *faults) []string {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_."
	toASCII := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false)).ToASCII
	var names []string
	for _, text := range given {
		name, err := toASCII(strings.TrimSuffix(text, "."))
		if err != nil || name == "" || strings.Trim(name, allowed) != "" || strings.Contains("."+name+".", "..") {
			faults.addf("--host", "%q is not a host name such as call.example.org; write it without https:// and without a port", text)
			continue
		}
		names = append(names, name)
	}
	return names
}

// maxShown is how much of a text from a client is shown, in bytes.
const maxShown = 253

func shortened(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

// refuseHost says which flag makes the server accept a name, as JSON to programs and
// as a page to people.
func refuseHost(w http.ResponseWriter, r *http.Request, name string) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if name == "" {
		name = "NAME"
	}
	if isForPrograms(r.URL.Path) {
		header.Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusMisdirectedRequest)
		// An error means that the client is gone.
		_ = json.NewEncoder(w).Encode(map[string]string{
			"code": "misdirected",
			"message": fmt.Sprintf("this server does not accept the host name %s; if the name leads here on purpose, "+
				"the server must be started with --host %[1]s", name),
		})
		return
	}
	shown := html.EscapeString(name)
	writePage(w, http.StatusMisdirectedRequest, frontend.PlainPage{
		Title: "callbox does not accept this host name", ChineseTitle: "callbox 不接受此域名",
		Body: "<p>This callbox listens only on its own computer. It accepts localhost, IP addresses and the host names that it was started with, " +
			"and <strong>" + shown + "</strong> is none of these.</p>" +
			"<p>If the name leads here on purpose, for example through a reverse proxy, the operator of the server must start it with " +
			"<code>--host " + shown + "</code>.</p>",
		ChineseBody: "<p>此 callbox 只监听本机，只接受 localhost、IP 地址和启动时指定的域名，而 <strong>" + shown + "</strong> 不在其中。</p>" +
			"<p>如果该域名确实应当指向这里（例如经过反向代理），请让服务器的管理员在启动时加上 <code>--host " + shown + "</code>。</p>",
	})
}

// isForPrograms reports whether a path is requested by scripts and bots, not by people.
// It may have a base path in front.
func isForPrograms(path string) bool {
	return strings.HasSuffix(path, webSocketPath) || strings.Contains(path, apiPath)
}
