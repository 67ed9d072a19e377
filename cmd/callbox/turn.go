package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"
)

// turnCommand holds the flags of callbox turn as given.
type turnCommand struct {
	CoturnConfig string `placeholder:"FILE" help:"Read settings from a coturn configuration file, such as /etc/turnserver.conf. Flags take precedence."`

	turnFlags `embed:""`

	Admin string `default:"127.0.0.1:9090" group:"Listeners (empty = off, port 0 = any free port):" help:"Metrics at /metrics, health checks at /healthz and /readyz, live relays at /relays, profiles at /debug/pprof."`

	Drain time.Duration `default:"0s" group:"STUN and TURN:" help:"How long to wait after the first signal for existing relays to end, while no new ones are created; 0s = do not wait."`
}

// Help implements kong.HelpProvider.
func (*turnCommand) Help() string {
	return "Clients need a user name and a password. Time-limited ones are created with the server's shared secret: " +
		"by callbox turn-credential, or by an application that supports coturn's use-auth-secret. Those of --turn-user do not expire."
}

// Run serves STUN and TURN alone until ctx ends.
func (c *turnCommand) Run(ctx context.Context, line *kong.Context, std streams, env environment, log *slog.Logger, faults faults) error {
	c.applyCoturn(givenFlags(line), log, &faults)
	part, err := c.open(ctx, env, log, faults)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return part.run(ctx, c.Drain, std)
}

// open binds all sockets and creates the server. Otherwise it returns all faults at
// once, including the given ones, and leaves nothing open.
func (c *turnCommand) open(ctx context.Context, env environment, log *slog.Logger, faults faults) (*turnService, error) {
	config := c.parse(env, &faults)
	if c.Drain < 0 || c.Drain > maxDrain {
		faults.addf("--drain", "%v is not between 0s and %v", c.Drain, maxDrain)
	}
	if !c.servesTURN() {
		faults.addf("--turn-udp, --turn-tcp, --turn-tls", "all are off, so there is nothing to serve")
	}
	if config.data == "" && (c.needsLocalCertificate(false) || c.needsStoredSecret()) {
		faults.add("--data", errNoDataFolder)
	}
	p := &turnService{log: log, files: reloader{log: log}, config: config, listeners: c.listen(ctx, &faults)}
	p.listeners.admin = listenTCP(ctx, new(net.ListenConfig), "--admin", c.Admin, &faults)
	p.prepare(ctx, false, &faults)
	config.openSecrets(log, &faults)
	if len(faults) == 0 {
		shares := shareDescriptors(descriptors(), runtime.GOMAXPROCS(0), false, true, c.TurnTotalQuota)
		warnOfDescriptors(descriptors(), shares, log)
		shares.apply(&config.limits)
		faults.add("STUN and TURN", p.openTURN()) //nolint:contextcheck // the relays outlive ctx, until turnService.shutdown
	}
	if len(faults) == 0 {
		return p, nil
	}
	p.closeAll(ctx, &faults)
	return nil, faults.err()
}

// run serves until ctx ends or a listener fails, then shuts everything down. If ctx
// ended, it waits up to drain for the relays to end by themselves. It owns all
// goroutines of this package.
func (p *turnService) run(ctx context.Context, drain time.Duration, std streams) error {
	signalled := ctx
	group, ctx := errgroup.WithContext(ctx)
	var admin *http.Server
	if p.listeners.admin != nil {
		admin = p.serveAdmin(group, p.adminRoutes(p.newRegistry(), func(*http.ServeMux) {}), nil)
	}
	p.follow(ctx, group)
	group.Go(func() error {
		p.files.follow(ctx, std)
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		if signalled.Err() != nil {
			p.drain(context.WithoutCancel(ctx), drain)
		}
		return p.shutdown(context.WithoutCancel(ctx), admin)
	})
	p.warnOfReach()
	if err := p.printReady(std.stdout, "/"); err != nil {
		p.log.Warn("could not write the ready line", "err", err)
	}
	return group.Wait()
}
