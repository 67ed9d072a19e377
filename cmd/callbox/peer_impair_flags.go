package main

import (
	"time"

	"callbox/peer/impair"
)

// impairFlags are the flags of callbox peer that make the network worse.
type impairFlags struct {
	Loss      string        `placeholder:"PERCENT" group:"Bad network (for what is sent):" help:"Share of the datagrams that are lost, such as 5%."`
	Delay     time.Duration `group:"Bad network (for what is sent):" help:"Delay of every datagram, such as 80ms."`
	Jitter    time.Duration `group:"Bad network (for what is sent):" help:"Longest additional delay. The order is kept."`
	Rate      string        `placeholder:"RATE" group:"Bad network (for what is sent):" help:"Rate of the link in bits per second, such as 500k or 2M. What would have to wait longer than 0.5 s is dropped."`
	Duplicate string        `placeholder:"PERCENT" group:"Bad network (for what is sent):" help:"Share of the datagrams that arrive twice."`
	Reorder   string        `placeholder:"PERCENT" group:"Bad network (for what is sent):" help:"Share of the datagrams that change places with the next one of their stream."`
	Seed      uint64        `placeholder:"NUMBER" group:"Bad network (for what is sent):" help:"With the same seed, the same datagrams of each stream are lost, delayed, duplicated and reordered. Default: 0."`
}

// config evaluates the flags.
func (f *impairFlags) config(wrong *faults) impair.Config {
	cfg := impair.Config{Delay: f.Delay, Jitter: f.Jitter, Seed: f.Seed}
	var err error
	cfg.Loss, err = impair.ParseShare(f.Loss)
	wrong.add("--loss", err)
	cfg.Duplicate, err = impair.ParseShare(f.Duplicate)
	wrong.add("--duplicate", err)
	cfg.Reorder, err = impair.ParseShare(f.Reorder)
	wrong.add("--reorder", err)
	cfg.Rate, err = impair.ParseRate(f.Rate)
	wrong.add("--rate", err)
	if f.Delay < 0 || f.Delay > impair.MaxDelay {
		wrong.addf("--delay", "%v is not between 0s and %v", f.Delay, impair.MaxDelay)
		cfg.Delay = 0
	}
	if f.Jitter < 0 || f.Jitter > impair.MaxDelay {
		wrong.addf("--jitter", "%v is not between 0s and %v", f.Jitter, impair.MaxDelay)
		cfg.Jitter = 0
	}
	return cfg
}
