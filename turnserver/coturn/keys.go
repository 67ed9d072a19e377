package coturn

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Use is what the server does with a key.
type Use int

// The uses of keys.
const (
	// Understood keys have the same effect as in coturn.
	Understood Use = iota
	// Unneeded keys are ignored, and the reason is reported.
	Unneeded
	// Refused keys keep the server from starting, and the reason is reported.
	Refused
)

func (u Use) String() string {
	switch u {
	case Understood:
		return "understood"
	case Unneeded:
		return "not needed"
	default:
		return "refused"
	}
}

// Key describes what the server does with some keys.
type Key struct {
	Names []string
	Use   Use
	// Text is the flag that the keys set, or why they are not needed or refused.
	Text string
	// Flag is set for keys that are on or off; one that is off has no effect.
	Flag bool

	apply func(f *file, value string) error
}

// Keys returns all keys of coturn, in the order of the documentation.
func Keys() []Key { return slices.Concat(understoodKeys(), unneededKeys(), refusedKeys()) }

// byName returns the keys by name.
func byName() map[string]Key {
	table := map[string]Key{}
	for _, key := range Keys() {
		key.Text = strings.ReplaceAll(key.Text, "`", "") // they are for the documentation
		for _, name := range key.Names {
			table[name] = key
		}
	}
	return table
}

func understoodKeys() []Key {
	return []Key{
		{Names: []string{"use-auth-secret"}, Flag: true, Text: "time-limited credentials; needs `static-auth-secret` or `--turn-secret`", apply: func(f *file, _ string) error {
			f.authSecret = true
			return nil
		}},
		{Names: []string{"static-auth-secret"}, Text: "`--turn-secret`: at least 16 bytes; repeatable, the first one signs", apply: (*file).addSecret},
		{Names: []string{"lt-cred-mech"}, Flag: true, Text: "fixed users; needs `user` or `--turn-user`. Beside a secret it has no effect, as in coturn", apply: func(*file, string) error { return nil }},
		{Names: []string{"user"}, Text: "`--turn-user`: `name:password`, or `name:0xKEY` with a key made for the `realm`; repeatable. If the file also has a secret, users are not served, as in coturn", apply: (*file).addUser},
		{Names: []string{"rest-api-separator"}, Text: "must be a colon; anything else is refused", apply: func(_ *file, value string) error {
			if value != ":" {
				return errors.New("user names have a colon after the time of expiry; have the application that makes credentials use one")
			}
			return nil
		}},
		{Names: []string{"realm"}, Text: "`--realm`", apply: func(f *file, value string) error {
			f.Realm = value
			return f.checkPlaceholder(value, false)
		}},
		{Names: []string{"listening-ip"}, Text: "the addresses of the listeners", apply: addAddr(func(f *file) *[]netip.Addr { return &f.addresses.listening })},
		{Names: []string{"listening-port"}, Text: "the port of `--turn-udp` and `--turn-tcp`", apply: setPort(func(f *file) *uint16 { return &f.ports.plain })},
		{Names: []string{"alt-listening-port"}, Text: "another port of both; 0 = none", apply: setPort(func(f *file) *uint16 { return &f.ports.altPlain })},
		{Names: []string{"tls-listening-port"}, Text: "the port of `--turn-tls`, which is off without `cert` and `pkey`", apply: setPort(func(f *file) *uint16 { return &f.ports.tls })},
		{Names: []string{"alt-tls-listening-port"}, Text: "another port of `--turn-tls`; 0 = none", apply: setPort(func(f *file) *uint16 { return &f.ports.altTLS })},
		{Names: []string{"aux-server"}, Text: "another listener of `--turn-udp` and `--turn-tcp`", apply: (*file).addAux},
		{Names: []string{"no-udp"}, Flag: true, Text: "`--turn-udp=`", apply: setFlag(func(f *file) *bool { return &f.ports.noUDP })},
		{Names: []string{"no-tcp"}, Flag: true, Text: "`--turn-tcp=`", apply: setFlag(func(f *file) *bool { return &f.ports.noTCP })},
		{Names: []string{"no-tls"}, Flag: true, Text: "`--turn-tls=`", apply: setFlag(func(f *file) *bool { return &f.ports.noTLS })},
		{Names: []string{"cert"}, Text: "`--tls-cert`; read again when it changes", apply: setText(func(f *file) *string { return &f.Cert })},
		{Names: []string{"pkey"}, Text: "`--tls-key`; read again when it changes", apply: setText(func(f *file) *string { return &f.Key })},
		{Names: []string{"external-ip"}, Text: "`--public-ip`; in `public/local`, `local` is the `--relay-ip` that it stands for; a host name becomes `dns:NAME` and is resolved again from time to time", apply: (*file).addExternal},
		{Names: []string{"relay-ip"}, Text: "`--relay-ip`; without it, the addresses of `listening-ip`", apply: addAddr(func(f *file) *[]netip.Addr { return &f.addresses.relay })},
		{Names: []string{"allocation-default-address-family"}, Text: "`--turn-default-family`: `ipv4`, `ipv6` or `keep`; without it IPv4, or IPv6 on a server without IPv4", apply: func(f *file, value string) error {
			if !slices.Contains([]string{"ipv4", "ipv6", "keep"}, value) {
				return errors.New("its value is none of ipv4, ipv6 and keep")
			}
			f.DefaultFamily = value
			return nil
		}},
		{Names: []string{"keep-address-family"}, Flag: true, Text: "`--turn-default-family keep`", apply: func(f *file, _ string) error {
			f.DefaultFamily = "keep"
			return nil
		}},
		{Names: []string{"min-port"}, Text: "the first of `--relay-ports`", apply: setPort(func(f *file) *uint16 { return &f.ports.min })},
		{Names: []string{"max-port"}, Text: "the last of `--relay-ports`", apply: setPort(func(f *file) *uint16 { return &f.ports.max })},
		{Names: []string{"user-quota"}, Text: "`--turn-user-quota`; 0 = no limit", apply: setLimit(func(f *file) *int { return &f.UserQuota })},
		{Names: []string{"total-quota"}, Text: "`--turn-total-quota`; 0 = no limit", apply: setLimit(func(f *file) *int { return &f.TotalQuota })},
		{Names: []string{"max-bps"}, Text: "`--turn-max-bps`, in bytes a second; counted per user, not per allocation", apply: setLimit(func(f *file) *int { return &f.UserBytes })},
		{Names: []string{"bps-capacity"}, Text: "`--turn-total-bps`, in bytes a second for all users", apply: setLimit(func(f *file) *int { return &f.TotalBytes })},
		{Names: []string{"allowed-peer-ip"}, Text: "`--turn-allow-peer`; ranges become CIDRs", apply: addPeers(func(f *file) *[]string { return &f.AllowPeers })},
		{Names: []string{"denied-peer-ip"}, Text: "`--turn-deny-peer`; private and other special networks are denied even without it", apply: addPeers(func(f *file) *[]string { return &f.DenyPeers })},
		{Names: []string{"allow-loopback-peers"}, Flag: true, Text: "`--turn-allow-peer 127.0.0.0/8 --turn-allow-peer ::1`, for tests", apply: func(f *file, _ string) error {
			f.AllowPeers = append(f.AllowPeers, "127.0.0.0/8", "::1/128")
			return nil
		}},
	}
}

func addAddr(field func(*file) *[]netip.Addr) func(*file, string) error {
	return func(f *file, value string) error {
		addr, err := parseAddr(value)
		if all := field(f); err == nil && !slices.Contains(*all, addr) {
			*all = append(*all, addr)
		}
		return err
	}
}

func addPeers(field func(*file) *[]string) func(*file, string) error {
	return func(f *file, value string) error {
		peers, err := parsePeers(value)
		*field(f) = append(*field(f), peers...)
		return err
	}
}

func setPort(field func(*file) *uint16) func(*file, string) error {
	return func(f *file, value string) (err error) {
		*field(f), err = parsePort(value)
		return err
	}
}

func setText(field func(*file) *string) func(*file, string) error {
	return func(f *file, value string) error {
		*field(f) = value
		return f.checkForm(value)
	}
}

func setFlag(field func(*file) *bool) func(*file, string) error {
	return func(f *file, _ string) error {
		*field(f) = true
		return nil
	}
}

// setLimit parses a number, where 0 means no limit.
func setLimit(field func(*file) *int) func(*file, string) error {
	return func(f *file, value string) error {
		const bitSize = 31 // fits an int on every system
		n, err := strconv.ParseUint(value, 10, bitSize)
		if err != nil {
			return errors.New("its value is not a whole number below 2147483648")
		}
		if *field(f) = int(n); n == 0 {
			*field(f) = -1
		}
		return nil
	}
}
