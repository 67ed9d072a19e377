package publicip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pion/stun/v3"
)

func TestParseSource(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"203.0.113.7":               "203.0.113.7",
		"2001:db8::7":               "2001:db8::7",
		"[2001:db8::7]":             "2001:db8::7",
		"::ffff:203.0.113.7":        "203.0.113.7",
		"cloud":                     "cloud",
		"dns:turn.example.org":      "dns:turn.example.org",
		"stun:stun.example.org":     "stun:stun.example.org:3478",
		"stun:stun.example.org:19":  "stun:stun.example.org:19",
		"stun:192.0.2.1":            "stun:192.0.2.1:3478",
		"stun:[2001:db8::1]:3479":   "stun:[2001:db8::1]:3479",
		"stun:[2001:db8::1]":        "stun:[2001:db8::1]:3478",
		"":                          "!is not an IP address",
		"turn.example.org":          "!is not an IP address",
		"0.0.0.0":                   "!cannot be used: it is unspecified, multicast or has a zone",
		"fe80::1%lo":                "!cannot be used: it is unspecified, multicast or has a zone",
		"224.0.0.1":                 "!cannot be used: it is unspecified, multicast or has a zone",
		"cloud:aws":                 "!is not an IP address",
		"dns:":                      "!does not name a host",
		"dns:a b":                   "!does not name a host",
		"stun:":                     "!does not name a server",
		"stun:stun.example.org:0":   "!has no port",
		"stun:stun.example.org:x":   "!has no port",
		"stun:https://example.org/": "!has no port",
	} {
		source, err := ParseSource(text)
		if fault, bad := strings.CutPrefix(want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), fault) {
				t.Errorf("%q: %v, %v; want a fault that %s", text, source, err, fault)
			}
			continue
		}
		if err != nil || source.String() != want {
			t.Errorf("%q: %s, %v; want %s", text, source, err, want)
		}
		if again, err := ParseSource(source.String()); err != nil || again != source {
			t.Errorf("%q reads again as %v, %v", text, again, err)
		}
		addr, static := source.Static()
		if static != addr.IsValid() || static != (source.kind == 0) {
			t.Errorf("%q: static %v, %v", text, addr, static)
		}
	}
}

func FuzzParseSource(f *testing.F) {
	for _, seed := range []string{"203.0.113.7", "cloud", "dns:a", "stun:[::1]:1", "stun:[", "stun:::1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		source, err := ParseSource(text)
		if err != nil {
			return
		}
		if again, err := ParseSource(source.String()); err != nil || again != source {
			t.Errorf("%q is %s, which reads as %v, %v", text, source, again, err)
		}
	})
}

func mustParse(t *testing.T, text string) Source {
	t.Helper()
	source, err := ParseSource(text)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// names is a resolver with these names.
func names(known map[string]string) func(context.Context, string) ([]netip.Addr, error) {
	return func(_ context.Context, host string) ([]netip.Addr, error) {
		texts, ok := known[host]
		if !ok {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		var addrs []netip.Addr
		for text := range strings.FieldsSeq(texts) {
			addrs = append(addrs, netip.MustParseAddr(text))
		}
		return addrs, nil
	}
}

func TestFindName(t *testing.T) {
	t.Parallel()
	f := &Finder{
		Local: func(addr netip.Addr) bool { return addr == netip.MustParseAddr("203.0.113.8") },
		lookup: names(map[string]string{
			"one": "203.0.113.7", "both": "2001:db8::1 ::ffff:203.0.113.7", "same": "203.0.113.7 203.0.113.7",
			"ours": "203.0.113.9 203.0.113.8", "many": "203.0.113.9 203.0.113.7", "none": "",
		}),
	}
	for host, want := range map[string]string{
		"one": "[203.0.113.7]", "both": "[203.0.113.7 2001:db8::1]", "same": "[203.0.113.7]", "ours": "[203.0.113.8]",
		"many": "!dns:many: the name has several addresses", "none": "!dns:none: the name has no address", "unknown": "!dns:unknown: lookup unknown: no such host",
	} {
		answer, err := f.Find(t.Context(), mustParse(t, "dns:"+host))
		if fault, bad := strings.CutPrefix(want, "!"); bad {
			if err == nil || !strings.HasPrefix(err.Error(), fault) {
				t.Errorf("%s: %v, %v; want %s", host, answer, err, fault)
			}
		} else if err != nil || fmt.Sprint(answer.Addrs) != want || answer.By != "dns:"+host {
			t.Errorf("%s: %+v, %v; want %s", host, answer, err, want)
		}
	}
	if answer, err := f.Find(t.Context(), mustParse(t, "203.0.113.7")); err != nil || fmt.Sprint(answer.Addrs) != "[203.0.113.7]" {
		t.Errorf("an address: %+v, %v", answer, err)
	}
}

// TestFindNameInTime checks that a resolver that does not answer is given up.
func TestFindNameInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &Finder{lookup: func(ctx context.Context, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}
		if _, err := f.Find(t.Context(), mustParse(t, "dns:a")); err == nil || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("Find: %v", err)
		}
	})
}

// serveSTUN answers Binding requests with what answer returns for them, nil = nothing, until the test
// ends.
func serveSTUN(t *testing.T, answer func(n int, request *stun.Message, from *net.UDPAddr) *stun.Message) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for n := 1; ; n++ {
			size, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			request := &stun.Message{Raw: buffer[:size]}
			if request.Decode() != nil || request.Type != stun.BindingRequest {
				continue
			}
			udp, ok := from.(*net.UDPAddr)
			if !ok {
				return
			}
			if message := answer(n, request, udp); message != nil {
				_, _ = conn.WriteTo([]byte("noise"), from) // what does not belong there is passed over
				_, _ = conn.WriteTo(message.Raw, from)
			}
		}
	}()
	at, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestFindSTUN(t *testing.T) {
	t.Parallel()
	seen := net.IPv4(203, 0, 113, 7)
	success := func(request *stun.Message, attribute stun.Setter) *stun.Message {
		return stun.MustBuild(stun.NewTransactionIDSetter(request.TransactionID), stun.BindingSuccess, attribute)
	}
	for _, tc := range []struct {
		name   string
		answer func(n int, request *stun.Message, from *net.UDPAddr) *stun.Message
		want   string // "!" begins a fault
		change bool
	}{
		{"one to one", func(_ int, request *stun.Message, from *net.UDPAddr) *stun.Message {
			return success(request, &stun.XORMappedAddress{IP: seen, Port: from.Port})
		}, "[203.0.113.7]", false},
		{"another port", func(_ int, request *stun.Message, from *net.UDPAddr) *stun.Message {
			return success(request, &stun.XORMappedAddress{IP: seen, Port: from.Port ^ 1})
		}, "[203.0.113.7]", true},
		{"an old server", func(_ int, request *stun.Message, from *net.UDPAddr) *stun.Message {
			return success(request, &stun.MappedAddress{IP: seen, Port: from.Port})
		}, "[203.0.113.7]", false},
		{"loss", func(n int, request *stun.Message, from *net.UDPAddr) *stun.Message {
			if n == 1 {
				return nil
			}
			return success(request, &stun.XORMappedAddress{IP: seen, Port: from.Port})
		}, "[203.0.113.7]", false},
		{"no address", func(_ int, request *stun.Message, _ *net.UDPAddr) *stun.Message {
			return success(request, stun.NewSoftware("x"))
		}, "!the server's response contains no address", false},
		{"a useless address", func(_ int, request *stun.Message, _ *net.UDPAddr) *stun.Message {
			return success(request, &stun.XORMappedAddress{IP: net.IPv4zero, Port: 1})
		}, "!the server's response contains no usable address", false},
		{"an error", func(_ int, request *stun.Message, _ *net.UDPAddr) *stun.Message {
			return stun.MustBuild(stun.NewTransactionIDSetter(request.TransactionID), stun.BindingError, stun.CodeBadRequest)
		}, "!the server refuses the request", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := serveSTUN(t, tc.answer)
			f := &Finder{lookup: names(map[string]string{"stun.example.org": "127.0.0.1"})}
			source := mustParse(t, fmt.Sprintf("stun:stun.example.org:%d", server.Port()))
			answer, err := f.Find(t.Context(), source)
			if fault, bad := strings.CutPrefix(tc.want, "!"); bad {
				if err == nil || !strings.Contains(err.Error(), source.String()+": "+fault) {
					t.Errorf("%+v, %v; want %s", answer, err, fault)
				}
				return
			}
			if err != nil || fmt.Sprint(answer.Addrs) != tc.want || answer.PortsChange != tc.change || answer.By != source.String() {
				t.Errorf("%+v, %v; want %s and ports that change: %v", answer, err, tc.want, tc.change)
			}
		})
	}
}

func TestFindSTUNEnds(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	server := serveSTUN(t, func(int, *stun.Message, *net.UDPAddr) *stun.Message {
		asked <- struct{}{}
		return nil
	})
	cause := errors.New("the program ends")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-asked
		cancel(cause)
	}()
	if _, err := new(Finder).Find(ctx, mustParse(t, "stun:"+server.String())); !errors.Is(err, cause) {
		t.Errorf("Find: %v, want %v", err, cause)
	}
	if _, err := (&Finder{lookup: names(nil)}).Find(t.Context(), mustParse(t, "stun:nowhere")); err == nil || !strings.Contains(err.Error(), "no such host") {
		t.Errorf("a server without an address: %v", err)
	}
}
