package main

import (
	"cmp"
	"net/netip"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode"

	"callbox/signaling"
	"callbox/turnserver"
)

const (
	// maxRealmBytes is the bound of a realm that fits every client (RFC 8489,
	// section 14.9: fewer than 128 characters).
	maxRealmBytes = 127

	// The bounds of --ping and --grace. Who may come back must be able to.
	minPeriod = 100 * time.Millisecond
	maxPing   = time.Hour
	maxGrace  = signaling.ResumeLife / 2
)

// serveConfig is what the flags of callbox serve say, made sense of.
type serveConfig struct {
	flags      *serveCommand
	data       string
	publicIPs  []netip.Addr
	relayIPs   []netip.Addr
	relayPorts turnserver.PortRange
	secrets    secrets
	allowPeers *list[netip.Prefix]
	denyPeers  *list[netip.Prefix]
	proxies    *list[netip.Prefix]
	signaling  signaling.Config
}

// parseConfig makes sense of what can be judged without the machine.
func (c *serveCommand) parseConfig(env environment, faults *faults) *serveConfig {
	config := &serveConfig{flags: c, data: cmp.Or(c.Data, dataFolder(env, runtime.GOOS))}
	if config.data == "" && (c.needsLocalCertificate() || c.needsStoredSecret()) {
		faults.addf("--data", "there is no home folder to keep secrets in, name a folder")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		faults.addf("--tls-cert, --tls-key", "one without the other; a certificate needs its key")
	}
	if c.HTTP == "" && c.HTTPS == "" {
		faults.addf("--http, --https", "both are off, so nothing would be served")
	}
	config.publicIPs = parseAddrs("--public-ip", c.PublicIP, faults)
	config.relayIPs = parseAddrs("--relay-ip", c.RelayIP, faults)
	if err := config.relayPorts.UnmarshalText([]byte(c.RelayPorts)); err != nil {
		faults.add("--relay-ports", err)
	}
	if c.Realm == "" || len(c.Realm) > maxRealmBytes || strings.ContainsFunc(c.Realm, func(r rune) bool {
		return r == '"' || r == '\\' || !unicode.IsPrint(r)
	}) {
		faults.addf("--realm", "%q is not 1 to %d printable bytes without quotes and backslashes", c.Realm, maxRealmBytes)
	}
	config.secrets = c.parseSecrets(faults)
	config.allowPeers = newList("--turn-allow-peer", c.TurnAllowPeer, turnserver.ParsePeerRule, faults)
	config.denyPeers = newList("--turn-deny-peer", c.TurnDenyPeer, turnserver.ParsePeerRule, faults)
	config.proxies = newList("--trusted-proxy", c.TrustedProxy, turnserver.ParsePeerRule, faults)
	config.signaling = c.parseSignaling(faults)
	return config
}

func (c *serveCommand) parseSignaling(faults *faults) signaling.Config {
	limits := signaling.DefaultLimits()
	limits.FramesPerSecond, limits.FrameBurst = c.LimitFrames, 0
	limits.JoinsPerSecond, limits.JoinBurst = c.LimitJoins, 0
	limits.Connections = c.LimitConnections
	for _, flag := range []struct {
		name  string
		value int
	}{
		{"--room-capacity", c.RoomCapacity},
		{"--limit-frames", c.LimitFrames},
		{"--limit-joins", c.LimitJoins},
		{"--limit-connections", c.LimitConnections},
	} {
		if flag.value < 0 || flag.value > 1_000_000 {
			faults.addf(flag.name, "%d is not between 0 and 1000000", flag.value)
		}
	}
	for _, flag := range []struct {
		name       string
		value, max time.Duration
	}{
		{"--ping", c.Ping, maxPing},
		{"--grace", c.Grace, maxGrace},
	} {
		if flag.value != 0 && (flag.value < minPeriod || flag.value > flag.max) {
			faults.addf(flag.name, "%v is neither 0 nor between %v and %v", flag.value, minPeriod, flag.max)
		}
	}
	for _, origin := range c.AllowOrigin {
		checkOrigin(origin, faults)
	}
	return signaling.Config{
		Capacity:       c.RoomCapacity,
		Grace:          c.Grace,
		Ping:           c.Ping,
		Limits:         limits,
		AllowedOrigins: c.AllowOrigin,
	}
}

// needsLocalCertificate reports whether something is served over TLS and no
// certificate is given.
func (c *serveCommand) needsLocalCertificate() bool {
	return (c.HTTPS != "" || c.TurnTLS != "") && c.TLSCert == "" && c.TLSKey == ""
}

// checkOrigin notes what is not a web origin (RFC 6454, section 6.1).
func checkOrigin(text string, faults *faults) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Scheme+"://"+u.Host != text {
		faults.addf("--allow-origin", "%q is not of the form https://host or https://host:port", text)
	}
}

// parseAddrs reads addresses that a relay can bind to or be advertised under.
func parseAddrs(flag string, texts []string, faults *faults) []netip.Addr {
	var addrs []netip.Addr
	for _, text := range texts {
		addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
		switch {
		case err != nil:
			faults.addf(flag, "%q is not an IP address", text)
		case addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != "":
			faults.addf(flag, "%s is not an address that one can send to", text)
		default:
			addrs = append(addrs, addr.Unmap())
		}
	}
	return addrs
}

// dataFolder returns the folder where a user's programs keep data, and
// callbox in it; "" when the environment names none.
func dataFolder(env environment, system string) string {
	get := func(name string) string {
		value, _ := env(name)
		return value
	}
	var base string
	switch system {
	case "windows":
		base = get("LocalAppData")
	case "darwin":
		if home := get("HOME"); home != "" {
			base = filepath.Join(home, "Library", "Application Support")
		}
	default: // XDG Base Directory Specification
		if base = get("XDG_DATA_HOME"); !filepath.IsAbs(base) {
			base = ""
			if home := get("HOME"); home != "" {
				base = filepath.Join(home, ".local", "share")
			}
		}
	}
	if base == "" {
		return ""
	}
	return filepath.Join(base, "callbox")
}
