package doctor

import (
	"fmt"
	"testing"
)

// TestJudge checks what a fault means for calls beside others.
func TestJudge(t *testing.T) {
	t.Parallel()
	failed := func(check Check, code Code) Finding { return Finding{Check: check, Level: Fail, Code: code} }
	ok := func(check Check) Finding { return good(check, "") }
	here := func(f Finding) Finding {
		f.host = "192.0.2.1"
		return f
	}
	for name, c := range map[string]struct {
		findings []Finding
		want     []Level
		result   Level
	}{
		"all is well":            {[]Finding{ok(WebSocket), ok(PlainHTTP), ok(RelayUDP)}, []Level{OK, OK, OK}, OK},
		"one way of signaling":   {[]Finding{failed(WebSocket, WebSocketBroken), ok(PlainHTTP)}, []Level{Warn, OK}, Warn},
		"no way of signaling":    {[]Finding{failed(WebSocket, WebSocketBroken), failed(PlainHTTP, PlainHTTPBroken)}, []Level{Fail, Fail}, Fail},
		"one relay":              {[]Finding{failed(RelayUDP, RelaySilent), ok(RelayTCP), failed(RelayTLS, RelayRefused)}, []Level{Warn, OK, Warn}, Warn},
		"no relay":               {[]Finding{ok(STUN), failed(RelayUDP, RelaySilent), failed(RelayTCP, RelayRefused)}, []Level{OK, Fail, Fail}, Fail},
		"no UDP":                 {[]Finding{failed(UDP, UDPBlocked), failed(STUN, STUNBlocked), failed(RelayUDP, RelayUnreachable), ok(RelayTCP)}, []Level{Warn, Skipped, Skipped, OK}, Warn},
		"no UDP and no relay":    {[]Finding{failed(UDP, UDPBlocked), failed(STUN, STUNBlocked), failed(RelayTCP, RelayUnreachable)}, []Level{Fail, Skipped, Fail}, Fail},
		"wrong address":          {[]Finding{here(failed(Address, AddressWrong)), here(failed(STUN, STUNBlocked)), here(failed(RelayUDP, RelayUnreachable))}, []Level{Fail, Skipped, Skipped}, Fail},
		"wrong address, and TLS": {[]Finding{here(failed(Address, AddressWrong)), here(failed(STUN, STUNBlocked)), failed(RelayTLS, RelayCertificate)}, []Level{Fail, Skipped, Fail}, Fail},
		"no large packets":       {[]Finding{ok(RelayUDP), ok(RelayTCP), failed(MTU, MTUTooSmall)}, []Level{OK, OK, Fail}, Fail},
	} {
		r := &Report{Findings: judge(c.findings)}
		r.sum()
		var got []Level
		for _, f := range r.Findings {
			got = append(got, f.Level)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) || r.Result != c.result || !r.Complete {
			t.Errorf("%s: %v, %s, want %v, %s", name, got, r.Result, c.want, c.result)
		}
	}
}
