package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/stun/v4"
)

const (
	// openTime is how long a relay may take to be opened.
	openTime = 3 * time.Second
	// maxAddresses is how many addresses of a protocol are tried: a credential is good for two relays at
	// each of them.
	maxAddresses = 2
	// lossy is the loss in percent from which on people notice it.
	lossy = 2
)

// relayed is what is known of the relays of a protocol.
type relayed struct {
	finding Finding
	carried bool // packets came back
	size    size // what became of large ones
}

// targetsOf returns the addresses of a protocol.
func (n *network) targetsOf(protocol Check) []*target {
	all := slices.DeleteFunc(slices.Clone(n.turn), func(t *target) bool { return t.protocol() != protocol })
	return all[:min(len(all), maxAddresses)]
}

// checkRelay opens two relays by one protocol, and sends packets from one to the other and back.
func (n *network) checkRelay(ctx context.Context, protocol Check) relayed {
	targets := n.targetsOf(protocol)
	if len(targets) == 0 {
		return relayed{finding: skipped(protocol, NotOffered, "The server does not offer this.", "")}
	}
	if protocol != RelayUDP { // which uses the credential that came with the answer
		own, refused := n.more(ctx)
		if refused != nil {
			f := *refused
			f.Check, f.What = protocol, strings.TrimPrefix(f.What, leftOut+" ")
			return relayed{finding: f}
		}
		for _, server := range own.ICEServers {
			for _, t := range targets {
				if server.Username != "" {
					t.username, t.credential = server.Username, server.Credential
				}
			}
		}
	}
	return n.tryRelays(ctx, protocol, targets)
}

// tryRelays tries all addresses, and returns the first that carries.
func (n *network) tryRelays(ctx context.Context, protocol Check, targets []*target) relayed {
	results := make([]relayed, len(targets))
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() { results[i] = n.tryRelay(ctx, protocol, t) })
	}
	all.Wait()
	best := max(0, slices.IndexFunc(results, func(r relayed) bool { return r.carried }))
	for i, r := range results {
		if r.finding.Level == Fail && results[best].carried {
			results[best].finding.What += fmt.Sprintf(" Port %d does not work: %s", targets[i].at.Port(), strings.ToLower(r.finding.Why))
		}
	}
	return results[best]
}

func (n *network) tryRelay(ctx context.Context, protocol Check, t *target) relayed {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, openTime+exchangeTime)
	defer cancel()
	a, b, err := n.openEnds(ctx, t)
	defer a.close()
	defer b.close()
	if err != nil {
		f := n.noRelay(protocol, t, err)
		f.host = t.uri.Host
		if f.Code == RelayQuota && (a.opened() || b.opened()) {
			f.Level, f.What = Warn, "A relay was opened, but the server gives no second one to send packets to."
		}
		return relayed{finding: f}
	}
	if protocol == RelayUDP {
		n.udp.Store(true)
	}
	n.config.Logger.Debug("two relays are open", "protocol", protocol, "dur_ms", time.Since(begun).Milliseconds())
	return relayFinding(protocol, exchange(ctx, a, b))
}

// relayFinding says what became of the packets.
func relayFinding(protocol Check, m measured) relayed {
	if m.returned == 0 {
		return relayed{finding: fault(protocol, Fail, RelaySilent, "A relay was opened, but nothing came through it.", "A firewall lets the requests to the relay through, but not the data.",
			"Check again. If it stays like this, try another network.")}
	}
	loss := 100 * float64(m.sent-m.returned) / float64(m.sent)
	rtt := max(m.rtt, time.Microsecond)
	what := fmt.Sprintf("Works. Round trip %s ms, %s%% of the packets lost.", number(float64(rtt)/float64(time.Millisecond)), number(loss))
	f := good(protocol, what)
	if loss > lossy {
		f = fault(protocol, Warn, RelayLossy, what, "Sound and video may stutter.", "Move closer to your Wi-Fi router, use a cable, or try another network.")
	}
	return relayed{finding: f.took(rtt), carried: true, size: size{m.triedLarge, m.large}}
}

// number has one decimal, unless it is 0.
func number(x float64) string { return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0") }

// noRelay explains why no relay could be opened.
func (n *network) noRelay(protocol Check, t *target, err error) Finding {
	const what = "No relay could be opened."
	transport := "TCP"
	if protocol == RelayUDP {
		transport = "UDP"
	}
	if refusal, ok := errors.AsType[*stun.TurnError](err); ok {
		return n.relayRefusal(protocol, t, refusal.ErrorCodeAttr)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && n.asked.LocalAuthority {
		return skipped(protocol, LocalAuthority, "Not possible with this certificate: the server has signed it itself, and browsers do not accept that for relays.",
			"Give the server a certificate for a public name, with --tls-cert. Networks that let only port 443 through need it.")
	} else if ok {
		return fault(protocol, Fail, RelayCertificate, what, fmt.Sprintf("The certificate of TURN over TLS is not accepted for %s: %v.", t.uri.Host, errors.Unwrap(err)),
			"Give the server a certificate that is valid for that name, with --tls-cert.")
	}
	if !t.at.IsValid() {
		return fault(protocol, Fail, RelayUnreachable, what, fmt.Sprintf("The name %s could not be resolved.", t.uri.Host), "Check the DNS records of the name.")
	}
	if isRefused(err) {
		return fault(protocol, Fail, RelayRefused, what, fmt.Sprintf("Nothing listens on %s port %d, or a firewall rejects it.", transport, t.at.Port()),
			"Check that the server serves TURN there, and open the port in its firewall.")
	}
	return fault(protocol, Fail, RelayUnreachable, what, fmt.Sprintf("%s port %d of the server is blocked, by this network or by a firewall of the server (%s).", transport, t.at.Port(), shortError(err)),
		"Open the port in the server's firewall; try another network.")
}

// relayRefusal explains the error of a TURN server.
func (n *network) relayRefusal(protocol Check, t *target, code stun.ErrorCodeAttribute) Finding {
	switch code.Code {
	case stun.CodeAllocQuotaReached:
		return fault(protocol, Fail, RelayQuota, "The server gives no further relay.", "", "Your network or the server has as many relays as allowed. Check again later.")
	case stun.CodeUnauthorized, stun.CodeWrongCredentials:
		return n.credentialRefused(protocol, t)
	default:
		return fault(protocol, Fail, RelayError, "No relay could be opened.", fmt.Sprintf("The TURN server answers with error %d.", code.Code), "Look into the log of the server (--log-level debug).")
	}
}

// credentialRefused finds out why the server does not take a credential that it has just given. A
// time-limited one begins with the time of its end, in seconds since 1970.
func (n *network) credentialRefused(protocol Check, t *target) Finding {
	const what = "The TURN server does not accept the credential."
	digits, _, _ := strings.Cut(t.username, ":")
	seconds, err := strconv.ParseInt(digits, 10, 64)
	if now := n.asked.now; err == nil && !now.IsZero() && time.Unix(seconds, 0).Before(now) {
		return fault(protocol, Fail, CredentialExpired, what,
			fmt.Sprintf("It had expired %v before the server gave it.", now.Sub(time.Unix(seconds, 0)).Round(time.Second)),
			"Set the clock of the machine that makes the credentials automatically, or have it make them last longer.")
	}
	return fault(protocol, Fail, CredentialRefused, what, "It was made with another secret, or the clock of the TURN server is ahead of the one of the server that made it.",
		"Give both servers the same --turn-secret, and set both clocks automatically.")
}
