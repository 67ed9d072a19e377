package main

import (
	"context"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"callbox/internal/budget"
)

const (
	// leastMemory is the smallest budget, in bytes, that suffices for a few calls.
	leastMemory = 16_000_000
	// memoryOverBudget is how many times the budget the Go runtime may use before it
	// collects garbage more often, because garbage and what the program itself needs
	// come on top of the budget.
	memoryOverBudget = 2
)

// byteSize is a number of bytes.
type byteSize int64

// parseByteSize accepts the same texts as parseByteRate.
func parseByteSize(text string) (byteSize, error) {
	size, err := parseByteRate(text)
	return byteSize(size), err
}

// memoryBudget is the budget for the memory of clients.
type memoryBudget struct {
	bytes int64 // 0 = no limit
	known bool  // the flag or the system says how much there is
}

// parseMemory evaluates --memory. By default the budget is three eighths of what the
// process may use.
func (f *turnLimits) parseMemory(faults *faults) memoryBudget {
	if f.Memory == nil {
		available, ok := availableMemory()
		return memoryBudget{bytes: available / 8 * 3, known: ok}
	}
	if size := int64(*f.Memory); size != 0 && size < leastMemory {
		faults.addf("--memory", "%d bytes are too few; at least %d are needed", size, leastMemory)
	}
	return memoryBudget{bytes: int64(*f.Memory), known: true}
}

// open returns the budget for the memory of clients, and sets the memory limit of the
// Go runtime accordingly, unless GOMEMLIMIT is set.
func (b memoryBudget) open(ctx context.Context, log *slog.Logger) *budget.Memory {
	if !b.known {
		log.WarnContext(ctx, "cannot determine how much memory this system has, so the memory of clients is not limited; set a limit with --memory")
	}
	if b.bytes > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryOverBudget * b.bytes)
	}
	return budget.New(b.bytes)
}

// availableMemory returns how many bytes the process may use: the least of what the
// machine has, and what its control group and its resource limits allow.
func availableMemory() (bytes int64, ok bool) {
	least := uint64(math.MaxUint64)
	for _, ask := range []func() (uint64, error){memlimit.FromSystem, memlimit.FromCgroup} {
		if size, err := ask(); err == nil && size > 0 {
			least = min(least, size)
		}
	}
	for _, resource := range []int{syscall.RLIMIT_DATA, syscall.RLIMIT_AS} {
		var limit syscall.Rlimit
		if syscall.Getrlimit(resource, &limit) == nil {
			least = min(least, limit.Cur) // no limit is the largest number
		}
	}
	const most = 1 << 50 // more means no limit
	return int64(min(least, most)), least < most
}

func (p *turnService) memoryMetrics(m sink) {
	s := p.memory.Snapshot()
	m.gauge("budget_bytes", "Memory that all clients together may use (--memory), in bytes; 0 = no limit.", s.Total)
	m.gauge("used_bytes", "Part of the budget that is in use, in bytes.", s.Used)
	m.gauge("peak_bytes", "Largest part of the budget that has been in use at a time, in bytes.", s.Peak)
	m.gauge("addresses", "Client addresses that use part of the budget.", int64(s.Addresses))
	m.counter("refused_total", "Refusals because the budget, or the share of the client's address, was used up.", s.Refused)
}
