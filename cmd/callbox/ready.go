package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"rsc.io/qr"

	"callbox/internal/netaddr"
	"callbox/turnserver"
)

// ready is the ready line: the URLs of all listeners.
type ready struct {
	Ready bool     `json:"ready"`
	HTTP  string   `json:"http,omitempty"`
	HTTPS string   `json:"https,omitempty"`
	TURN  []string `json:"turn"`
	STUN  string   `json:"stun,omitempty"` // of --stun-udp
	Admin string   `json:"admin,omitempty"`
	// CA is the fingerprint of the local authority, by which people can verify the
	// certificate that they install.
	CA string `json:"ca_sha256,omitempty"`
}

// newReady returns the URLs of the bound sockets. network is the address to show for a
// socket that is bound to all addresses; basePath is the path below which the pages are.
func (l *listeners) newReady(network netip.Addr, basePath string) ready {
	url := func(scheme string, bound netip.AddrPort) string {
		if bound.Addr().IsUnspecified() {
			bound = netip.AddrPortFrom(network, bound.Port())
		}
		return scheme + "://" + bound.String()
	}
	listener := func(scheme string, l net.Listener, path string) string {
		if l == nil {
			return ""
		}
		return url(scheme, netaddr.AddrPort(l.Addr())) + path
	}
	path := strings.TrimSuffix(basePath, "/")
	r := ready{
		Ready: true, HTTP: listener("http", l.http, path), HTTPS: listener("https", l.https, path),
		TURN: []string{}, Admin: listener("http", l.admin, ""),
	}
	for _, endpoint := range l.endpoints() {
		r.TURN = append(r.TURN, url(string(endpoint.protocol), endpoint.addr))
	}
	if l.stunUDP != nil {
		r.STUN = url(string(turnserver.UDP), netaddr.AddrPort(l.stunUDP.LocalAddr()))
	}
	return r
}

// printReady prints the ready line: JSON with addresses that work on this machine; on
// a terminal, the same as text, with addresses that work in the network.
func (p *turnService) printReady(w io.Writer, basePath string) error {
	network, isPerson := loopback(), false
	if file, ok := w.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		network, isPerson = p.machine.any(), true
	}
	r := p.listeners.newReady(network, basePath)
	if p.certificates.local != nil {
		r.CA = caFingerprint(p.certificates.local)
	}
	if isPerson {
		_, err := io.WriteString(w, r.text())
		return err
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", line)
	return err
}

// text returns the ready line as text for a terminal.
func (r ready) text() string {
	var b strings.Builder
	b.WriteString("callbox is ready.\n\n")
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-15s %s\n", name, value)
		}
	}
	row("this computer", r.HTTP)
	row("your network", r.HTTPS)
	row("STUN and TURN", strings.Join(r.TURN, "  "))
	row("admin", r.Admin)
	b.WriteString("\n")
	if r.HTTPS != "" {
		b.WriteString(halfBlocks(r.HTTPS))
		b.WriteString("\nTo call from a phone on the same network, scan this code with it, or type the address.\n")
		if r.CA != "" {
			fmt.Fprintf(&b, "The phone will show a certificate warning, because this computer signed the certificate itself.\n"+
				"Accept the warning. Or, to get rid of it, open %s/ca on the phone and install the\n"+
				"file as a trusted certificate authority; it can vouch for this network, not for websites.\n"+
				"Its SHA-256 fingerprint must be:\n  %s\n", r.HTTPS, r.CA)
		}
		b.WriteString("\n")
	}
	if r.HTTP == "" && r.HTTPS == "" {
		b.WriteString("Users need a user name and a password: callbox turn-credential creates time-limited ones.\n")
	}
	b.WriteString("Press Ctrl-C to stop callbox.\n")
	return b.String()
}

// halfBlocks draws a QR code, two rows of modules per line of text, light on dark
// whatever the colours of the terminal are. It returns "" if text is too long.
func halfBlocks(text string) string {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return ""
	}
	const quiet = 4 // modules around the code, ISO/IEC 18004
	light := func(x, y int) bool { return !code.Black(x, y) }
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		b.WriteString("\x1b[97;40m")
		for x := -quiet; x < code.Size+quiet; x++ {
			switch upper, lower := light(x, y), light(x, y+1); {
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}
