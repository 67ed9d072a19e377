package main

import (
	"context"
	"net"
	"net/netip"
	"strconv"

	"callbox/turnserver"
	"callbox/turnserver/publicip"
)

// warn logs why some peers may not reach the relays, and adds it to the text of
// /readyz.
func (p *turnService) warn(reason string) {
	p.log.Warn("relays may not be reachable by everyone", "reason", reason)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.warnings = append(p.warnings, reason)
}

// warnOfReach logs who can reach the relays, if not everyone can.
func (p *turnService) warnOfReach() {
	if p.turn == nil {
		return
	}
	if public := p.config.public.addrs(); len(public) > 0 {
		for _, addr := range public {
			if reason := publicWarning(addr); reason != "" {
				p.warn("--public-ip: " + reason)
			}
		}
		if p.config.public.portsChange.Load() {
			p.warn("the NAT in front of this machine changes ports, so relays are reachable only if it forwards --relay-ports to this machine")
		}
		return
	}
	for _, addr := range p.config.relayIPs {
		if reachableFromOutside(addr) {
			return
		}
	}
	p.log.Info("relays have private addresses, so calls work only inside this network; set --public-ip to make the relays reachable from outside")
}

// checkReach sends datagrams to the public addresses of the relays and logs the
// result. It does not need a third party.
func (p *turnService) checkReach(ctx context.Context) {
	if p.turn == nil || len(p.config.public.addrs()) == 0 {
		return
	}
	for _, reach := range p.turn.CheckRelays(ctx) {
		if ctx.Err() != nil {
			return
		}
		switch {
		case reach.Reached && p.machine.has(reach.Public):
			p.log.Info("relays work at their public address, which is one of this machine; whether a firewall blocks them cannot be checked from here")
		case reach.Reached:
			p.log.Info("relays are reachable at their public address")
		case reach.Err != nil:
			p.warn("a relay could not be tested at its public address: " + reach.Err.Error())
		case p.answersAt(ctx, reach.Public):
			p.warn("relay ports are closed: the TURN port answers at the public address, but a relay port does not; open UDP ports " + p.config.relayPorts.String())
		case ctx.Err() == nil:
			p.log.Info("whether the relays are reachable cannot be confirmed from here: nothing that this machine sends to its public address comes back, as is usual behind NAT; test it from outside")
		}
	}
}

// answersAt reports whether this server answers at a public address.
func (p *turnService) answersAt(ctx context.Context, public netip.Addr) bool {
	for _, endpoint := range p.listeners.endpoints() {
		if endpoint.protocol != turnserver.UDP {
			continue
		}
		source, err := publicip.ParseSource("stun:" + net.JoinHostPort(public.String(), strconv.Itoa(int(endpoint.addr.Port()))))
		if err != nil {
			return false // impossible: an address and a port are valid
		}
		_, err = new(publicip.Finder).Find(ctx, source)
		return err == nil
	}
	return false
}
