package signaling

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// webOrigin is an origin (RFC 6454) in its comparable form.
type webOrigin struct {
	scheme, host, port string
}

var errOrigin = errors.New("not of the form https://host or https://host:port")

// CheckOrigin returns an error unless text may be one of Config.AllowedOrigins.
func CheckOrigin(text string) error {
	_, err := parseOrigin(text)
	return err
}

// parseOrigin reads an origin as browsers write it (RFC 6454, section 6.1).
func parseOrigin(text string) (webOrigin, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Scheme+"://"+u.Host != text {
		return webOrigin{}, errOrigin
	}
	o := webOrigin{scheme: u.Scheme, host: strings.ToLower(u.Hostname()), port: u.Port()}
	if o.port == "" {
		o.port = defaultPort(o.scheme)
	}
	return o, nil
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// origins are those whose pages may use the server, beside its own.
type origins map[webOrigin]bool

func newOrigins(allowed []string) origins {
	set := make(origins)
	for _, text := range allowed {
		if o, err := parseOrigin(text); err == nil { // Config.validate reports it
			set[o] = true
		}
	}
	return set
}

// allow reports whether r may be served. A request without an Origin does not come from
// a browser and may. The scheme of the server's own origin is not compared: behind a
// proxy that terminates TLS the server does not know it.
func (set origins) allow(r *http.Request) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	if len(values) > 1 {
		return false
	}
	o, err := parseOrigin(values[0])
	if err != nil { // "null" among others
		return false
	}
	return set[o] || o.isHost(r.Host)
}

// IsOwnOrigin reports whether r comes from a page of the server itself, or from no page.
func IsOwnOrigin(r *http.Request) bool { return origins(nil).allow(r) }

// refuseOrigin answers a request whose origin is not allowed. The server's own page can
// be among those refused, if the proxy in front does not pass its Host header on; it can
// read the answer, since for its browser the request goes to its own origin.
func (s *Server) refuseOrigin(w http.ResponseWriter, r *http.Request) {
	if s.config.OriginRefused != nil {
		s.config.OriginRefused(r)
	}
	s.refuseHTTP(w, http.StatusForbidden, "forbidden_origin", fmt.Sprintf(
		"this page's origin, %.200s, is not allowed at %.200s; if it is the server's own page, the proxy in front must pass the Host header on unchanged",
		r.Header.Get("Origin"), r.Host))
}

func (o webOrigin) isHost(hostport string) bool {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host, port = strings.Trim(hostport, "[]"), defaultPort(o.scheme)
	}
	return strings.EqualFold(o.host, host) && o.port == port
}
