package main

import (
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"testing"

	"rsc.io/qr"
)

// boundTo is a listener that only has an address.
type boundTo struct {
	net.Listener
	addr netip.AddrPort
}

func (b boundTo) Addr() net.Addr { return net.TCPAddrFromAddrPort(b.addr) }

func listenerAt(addr string) net.Listener { return boundTo{addr: netip.MustParseAddrPort(addr)} }

func TestReadyLine(t *testing.T) {
	t.Parallel()
	l := &listeners{
		http: listenerAt("127.0.0.1:41231"), https: listenerAt("[::]:8443"), admin: listenerAt("[::1]:9090"),
		turnTCP: []net.Listener{listenerAt("0.0.0.0:3478"), listenerAt("[2001:db8::1]:3478")}, turnTLS: []net.Listener{listenerAt("[::ffff:192.0.2.1]:5349")},
	}
	tell := func(l *listeners, basePath string) string {
		t.Helper()
		var b strings.Builder
		p := &turnService{listeners: l, machine: machineOf("127.0.0.1")}
		if err := p.printReady(&b, basePath); err != nil {
			t.Fatal(err)
		}
		if !json.Valid([]byte(b.String())) {
			t.Error("the line is no JSON")
		}
		return b.String()
	}
	want := `{"ready":true,"http":"http://127.0.0.1:41231","https":"https://127.0.0.1:8443",` +
		`"turn":["tcp://127.0.0.1:3478","tcp://[2001:db8::1]:3478","tls://192.0.2.1:5349"],"admin":"http://[::1]:9090"}` + "\n"
	if got := tell(l, "/"); got != want {
		t.Errorf("ready line\n%swant\n%s", got, want)
	}
	l = &listeners{http: listenerAt("127.0.0.1:1"), admin: listenerAt("127.0.0.1:2")}
	if got, want := tell(l, "/a/call/"), `{"ready":true,"http":"http://127.0.0.1:1/a/call","turn":[],"admin":"http://127.0.0.1:2"}`+"\n"; got != want {
		t.Errorf("ready line %s, want %s", got, want)
	}
}

func TestReadyText(t *testing.T) {
	t.Parallel()
	l := &listeners{http: listenerAt("127.0.0.1:8080"), https: listenerAt("[::]:8443")}
	r := l.newReady(machineOf("127.0.0.1,192.168.1.5").any(), "/call/")
	r.CA = "AB:CD"
	for _, want := range []string{
		"http://127.0.0.1:8080/call\n", "https://192.168.1.5:8443/call\n", "certificate warning", "https://192.168.1.5:8443/call/ca ", "AB:CD",
		halfBlocks("https://192.168.1.5:8443/call"),
	} {
		if text := r.text(); !strings.Contains(text, want) {
			t.Errorf("text does not say %q:\n%s", want, text)
		}
	}
	if text := l.newReady(loopback(), "/").text(); strings.Contains(text, "/ca ") || !strings.Contains(text, "phone") {
		t.Errorf("text with a certificate of files:\n%s", text)
	}
	if text := (&listeners{http: listenerAt("127.0.0.1:8080")}).newReady(loopback(), "/").text(); strings.Contains(text, "phone") {
		t.Errorf("text without HTTPS speaks of phones:\n%s", text)
	}
}

// TestHalfBlocks decodes the drawing, module by module.
func TestHalfBlocks(t *testing.T) {
	t.Parallel()
	const address = "https://192.168.178.201:8443"
	code, err := qr.Encode(address, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(halfBlocks(address)), "\n")
	if want := (code.Size + 9) / 2; len(lines) != want {
		t.Fatalf("%d lines, want %d", len(lines), want)
	}
	for i, line := range lines {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[97;40m"), "\x1b[0m")
		cells := []rune(line)
		if len(cells) != code.Size+8 {
			t.Fatalf("line %d has %d cells, want %d", i, len(cells), code.Size+8)
		}
		for x, cell := range cells {
			upper, lower := cell == '█' || cell == '▀', cell == '█' || cell == '▄'
			if upper == code.Black(x-4, 2*i-4) || lower == code.Black(x-4, 2*i-3) {
				t.Fatalf("line %d, cell %d is %q", i, x, cell)
			}
		}
	}
	if got := halfBlocks(strings.Repeat("a", 5000)); got != "" {
		t.Errorf("a text that does not fit is drawn as %q", got)
	}
}
