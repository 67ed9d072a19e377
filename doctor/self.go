package doctor

import (
	"context"
	"log/slog"
	"slices"

	"callbox/signaling/protocol"
)

// Self says how a server checks itself.
type Self struct {
	// Ask returns ICE servers at addresses of this machine, with the credential of a check.
	Ask func() ([]protocol.ICEServer, error)
	// Logger receives debug messages; nil = none.
	Logger *slog.Logger
}

// CheckSelf asks STUN and sends packets through the relays of the server that it is part of. It returns
// what is wrong, and takes at most MaxTime. It accepts any certificate, because none needs to name the
// addresses of this machine.
func CheckSelf(ctx context.Context, self Self) []Finding {
	ctx, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	if self.Logger == nil {
		self.Logger = slog.New(slog.DiscardHandler)
	}
	n := &network{run: &run{config: Config{Insecure: true, Logger: self.Logger}}}
	n.more = func(context.Context) (*asked, *Finding) {
		servers, err := self.Ask()
		if err != nil {
			f := skipped(Credentials, CheckBusy, leftOut, "")
			return nil, &f
		}
		return &asked{ICEServers: servers}, nil
	}
	var refused *Finding
	if n.asked, refused = n.more(ctx); refused != nil {
		return nil
	}
	n.resolve(ctx)
	return slices.DeleteFunc(judge(n.checkPaths(ctx)), func(f Finding) bool { return f.Level == OK || f.Level == Skipped })
}
