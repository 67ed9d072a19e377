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
)

// hostRule keeps web sites away from a listener on loopback. A site can have
// its own name resolve to 127.0.0.1 (DNS rebinding); to the browser of whoever
// visits it, that listener then is the site's own server, and only the Host
// header says otherwise. What proxies add about themselves proves nothing, as
// the site's scripts can send it, too.
type hostRule struct {
	names []string // that lead here on purpose, as hostOf returns them
	// leaf returns the certificate of the listener; nil without TLS.
	leaf func() *x509.Certificate
	log  *slog.Logger
	told *notice
}

// answers reports whether a request names this machine as somebody would who
// means it.
func (h *hostRule) answers(r *http.Request) bool {
	name := hostOf(r.Host)
	switch {
	case isLocalHost(r.Host), slices.Contains(h.names, name):
		return true
	case r.Host == "":
		return !r.ProtoAtLeast(1, 1) // no browser is that old
	default:
		// No other site has a certificate for a name of ours.
		return h.leaf != nil && r.TLS != nil && h.leaf().VerifyHostname(name) == nil
	}
}

// guard answers 421 (RFC 9110, section 15.5.20) to requests for other names.
func (h *hostRule) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.answers(r) {
			next.ServeHTTP(w, r)
			return
		}
		name := shortened(hostOf(r.Host))
		if h.told.due(time.Now()) {
			h.log.Warn("a request was refused because of its host name", "host", name,
				"hint", "if this name leads here on purpose, for example through a reverse proxy, start callbox with --host "+name)
		}
		refuseHost(w, r, name)
	})
}

// hostOf returns the host of a Host header in lower case, without the port,
// the brackets of IPv6 and the dot that may end a name.
func hostOf(header string) string {
	host := header
	if name, _, err := net.SplitHostPort(header); err == nil {
		host = name
	} else if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isLocalHost reports whether the host of a request, with or without a port,
// is localhost or an address, neither of which DNS can lead elsewhere.
func isLocalHost(header string) bool {
	host := hostOf(header)
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost"
}

// parseHosts returns the names of --host as browsers send them.
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

// maxShown bounds what is shown of a text that a stranger sent, in bytes.
const maxShown = 253

func shortened(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

// refuseHost tells a person, or a program, which flag lets a name in.
func refuseHost(w http.ResponseWriter, r *http.Request, name string) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if name == "" {
		name = "NAME"
	}
	if isForPrograms(r.URL.Path) {
		header.Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusMisdirectedRequest)
		// An error is the client's going away.
		_ = json.NewEncoder(w).Encode(map[string]string{
			"code": "misdirected",
			"message": fmt.Sprintf("this server does not accept the host name %s; if the name leads here on purpose, "+
				"the server must be started with --host %[1]s", name),
		})
		return
	}
	shown := html.EscapeString(name)
	writePage(w, http.StatusMisdirectedRequest, plainPage{
		title: "callbox does not accept this host name · callbox 不响应此域名",
		english: "<p>This callbox listens only on its own computer. It accepts localhost, IP addresses and the host names that it was started with, " +
			"and <strong>" + shown + "</strong> is none of these.</p>" +
			"<p>If the name leads here on purpose, for example through a reverse proxy, the operator of the server must start it with " +
			"<code>--host " + shown + "</code>.</p>",
		chinese: "<p>此 callbox 只监听本机，只响应 localhost、IP 地址和启动时指定的域名，而 <strong>" + shown + "</strong> 不在其中。</p>" +
			"<p>如果该域名确实应当指向这里（例如经过反向代理），请让服务器的管理员在启动时加上 <code>--host " + shown + "</code>。</p>",
	})
}

// isForPrograms reports whether a path is one that pages and bots ask for, and
// no person. What stands in front of it may be a base path.
func isForPrograms(path string) bool {
	return strings.HasSuffix(path, webSocketPath) || strings.Contains(path, apiPath)
}
