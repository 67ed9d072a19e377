package main

import (
	"cmp"
	"errors"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"callbox/turnserver"
)

var errNoDataFolder = errors.New("there is no home folder to keep secrets in; name a folder")

// turnConfig is the configuration that turnFlags describe.
type turnConfig struct {
	turnFlags  *turnFlags
	data       string
	public     *publicAddresses
	relayIPs   []netip.Addr
	relayPorts turnserver.PortRange
	secrets    *list[[]byte] // of time-limited credentials; the first one signs
	users      *list[turnserver.User]
	allowPeers *list[netip.Prefix]
	denyPeers  *list[netip.Prefix]
	limits     turnserver.Limits
	memory     memoryBudget
}

// parse evaluates everything that can be checked without the machine.
func (f *turnFlags) parse(env environment, faults *faults) *turnConfig {
	config := &turnConfig{turnFlags: f, data: cmp.Or(f.Data, dataFolder(env, runtime.GOOS))}
	if (f.TLSCert == "") != (f.TLSKey == "") {
		faults.addf("--tls-cert, --tls-key", "one is given without the other; a certificate needs its key")
	}
	config.public = newPublicAddresses(f.PublicIP, faults)
	config.relayIPs = parseAddrs("--relay-ip", f.RelayIP, faults)
	if err := config.relayPorts.UnmarshalText([]byte(f.RelayPorts)); err != nil {
		faults.add("--relay-ports", err)
	}
	if f.Realm == "" || len(f.Realm) > turnserver.MaxRealmBytes || strings.ContainsFunc(f.Realm, func(r rune) bool {
		return r == '"' || r == '\\' || !unicode.IsPrint(r)
	}) {
		faults.addf("--realm", "%q is not a realm: 1 to %d printable bytes without quotes and backslashes", f.Realm, turnserver.MaxRealmBytes)
	}
	if f.hasOnlyUsers() {
		f.TurnSecret = nil
	}
	config.secrets = newSecrets("--turn-secret", f.TurnSecret, turnserver.MinSecretBytes, faults)
	config.users = f.users(faults)
	config.allowPeers = newList("--turn-allow-peer", f.TurnAllowPeer, turnserver.ParsePeerRule, faults)
	config.denyPeers = newList("--turn-deny-peer", f.TurnDenyPeer, turnserver.ParsePeerRule, faults)
	config.limits = f.limits(faults)
	config.memory = f.parseMemory(faults)
	return config
}

// needsStoredSecret reports whether the TURN secret is stored in the data folder.
func (f *turnFlags) needsStoredSecret() bool {
	return f.servesTURN() && slices.ContainsFunc(f.TurnSecret, isStored)
}

// parseAddrs parses addresses that a relay can bind to.
func parseAddrs(flag string, texts []string, faults *faults) []netip.Addr {
	var addrs []netip.Addr
	for _, text := range texts {
		addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
		switch {
		case err != nil:
			faults.addf(flag, "%q is not an IP address", text)
		case addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != "":
			faults.addf(flag, "%s cannot be used: it is unspecified, multicast or has a zone", text)
		default:
			addrs = append(addrs, addr.Unmap())
		}
	}
	return addrs
}

// dataFolder returns the folder callbox in the user's data folder; "" if the
// environment names no data folder.
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
