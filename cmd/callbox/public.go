package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"callbox/turnserver/publicip"
)

// publicPeriod is the time between two lookups of an address that may change.
const publicPeriod = time.Minute

// publicAddresses holds the addresses under which relays are advertised, and the
// sources from which they are obtained.
type publicAddresses struct {
	sources []publicip.Source
	current atomic.Pointer[[]netip.Addr]
	// portsChange reports that the NAT in front is not 1:1.
	portsChange atomic.Bool
}

func newPublicAddresses(texts []string, faults *faults) *publicAddresses {
	a := &publicAddresses{}
	for _, text := range texts {
		source, err := publicip.ParseSource(text)
		faults.add("--public-ip", err)
		if err == nil {
			a.sources = append(a.sources, source)
		}
	}
	return a
}

// addrs returns the current addresses; none = the machine's own.
func (a *publicAddresses) addrs() []netip.Addr {
	if current := a.current.Load(); current != nil {
		return *current
	}
	return nil
}

// mayChange reports whether any source can return another address later.
func (a *publicAddresses) mayChange() bool {
	return slices.ContainsFunc(a.sources, func(source publicip.Source) bool {
		_, static := source.Static()
		return !static
	})
}

// find queries all sources concurrently. Of the addresses that they return, it drops
// those of a family of which this machine has no address.
func (a *publicAddresses) find(ctx context.Context, finder *publicip.Finder, machine *machine, log *slog.Logger) ([]netip.Addr, error) {
	answers := make([]publicip.Answer, len(a.sources))
	errs := make([]error, len(a.sources))
	var asking sync.WaitGroup
	for i, source := range a.sources {
		asking.Go(func() { answers[i], errs[i] = finder.Find(ctx, source) })
	}
	asking.Wait()
	var addrs []netip.Addr
	for i, answer := range answers {
		_, static := a.sources[i].Static()
		usable := 0
		for _, addr := range answer.Addrs {
			if !static && !machine.first(addr.Is4()).IsValid() && !machine.has(addr) && (addr.Is6() || len(answer.Addrs) > 1) {
				continue
			}
			if usable++; !slices.Contains(addrs, addr) || static {
				addrs = append(addrs, addr)
			}
		}
		if errs[i] == nil && usable == 0 {
			errs[i] = fmt.Errorf("%s: this machine has no address of the same family as %v", a.sources[i], answer.Addrs)
		}
		if answer.PortsChange {
			a.portsChange.Store(true)
		}
		if !static && errs[i] == nil {
			log.Debug("public address found", "source", a.sources[i], "by", answer.By, "addrs", answer.Addrs)
		}
	}
	return addrs, errors.Join(errs...)
}

// follow queries the sources once per period until ctx ends, and passes changed
// addresses to apply. After an error, which is logged once, the addresses stay in use.
func (a *publicAddresses) follow(ctx context.Context, every time.Duration, find func(context.Context) ([]netip.Addr, error), log *slog.Logger, apply func([]netip.Addr) error) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	logged := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		addrs, err := find(ctx)
		if err == nil && !slices.Equal(addrs, a.addrs()) {
			if err = apply(addrs); err == nil {
				a.current.Store(&addrs)
				log.Warn("the public address has changed; new relays are advertised under the new one")
				log.Debug("public addresses", "addrs", addrs)
			}
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			logged = ""
		case err.Error() != logged:
			logged = err.Error()
			log.Warn("could not look up the public address; the old one stays in use", "err", err)
		}
	}
}

// publicWarning explains what is wrong with an address under which relays are
// advertised; "" = nothing that is visible from here.
func publicWarning(addr netip.Addr) string {
	within := func(prefix string) bool { return netip.MustParsePrefix(prefix).Contains(addr) }
	switch {
	case addr.IsLoopback():
		return "it is a loopback address, so only programs on this machine can use the relays"
	case addr.IsLinkLocalUnicast():
		return "it is a link-local address, which is valid only on the local link; use another one"
	case within("172.17.0.0/16"):
		return "it is an address of a container bridge, which cannot be reached from outside this machine; use the host's network, and name the address at which the Internet reaches it"
	case within("100.64.0.0/10"):
		return "it is a shared address of a carrier or an overlay network (100.64.0.0/10), so calls work only inside that network"
	case addr.Is6() && addr.IsPrivate():
		return "it is a unique local address of IPv6, so calls work only inside its network"
	case !reachableFromOutside(addr):
		return "it is a private address, so calls work only inside its network"
	default:
		return ""
	}
}
