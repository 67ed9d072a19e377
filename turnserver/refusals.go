package turnserver

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// tellRefusalEvery is the time between two lines of the log about refusals of
// one code with one cause.
const tellRefusalEvery = time.Minute

// refusals counts the requests that were refused. The zero value is empty.
type refusals struct {
	mu     sync.Mutex
	counts map[int]uint64 // by code
	told   map[refusalKind]telling
}

// refusalKind is what refusals are told by. There are few: codes and causes are
// words of this package.
type refusalKind struct {
	code  int
	cause string
}

type telling struct {
	at    time.Time
	times int // since then
}

// add counts a refusal, and returns how many of its kind have come since one was
// told, this one included; 0 when it is not time to tell of it again.
func (f *refusals) add(kind refusalKind, now time.Time) (times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts, f.told = map[int]uint64{}, map[refusalKind]telling{}
	}
	f.counts[kind.code]++
	last := f.told[kind]
	last.times++
	if last.at.IsZero() || now.Sub(last.at) >= tellRefusalEvery {
		times, last = last.times, telling{at: now}
	}
	f.told[kind] = last
	return times
}

// load returns the counts of all codes that there are.
func (f *refusals) load() map[int]uint64 {
	all := map[int]uint64{}
	for _, code := range []int{
		codeBadRequest, codeUnauthorized, codeForbidden, codeUnknownAttribute, codeAllocationMismatch, codeStaleNonce, codeFamilyNotSupported,
		codeWrongCredentials, codeUnsupportedTransport, codeFamilyMismatch, codeQuotaReached, codeServerError, codeInsufficientCapacity,
	} {
		all[code] = 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.Copy(all, f.counts)
	return all
}

// noteRefusal counts that the request being handled is refused, and logs it
// unless it is what every client meets: the challenge, and a nonce that is old.
func (e *endpoint) noteRefusal(refused *refusal) {
	q, log := &e.request, e.server.log
	times := e.server.refusals.add(refusalKind{refused.code, refused.cause}, time.Now())
	if times > 0 && !refused.usual() {
		log.Info("request refused", "code", refused.code, "reason", reason(refused.code), "cause", refused.cause,
			"method", q.method.String(), "protocol", string(e.protocol), "user", q.user, "times", times)
	}
	if log.Enabled(context.Background(), slog.LevelDebug) {
		log.Debug("request refused", "code", refused.code, "cause", refused.cause, "method", q.method.String(), "user", q.user, "client", q.client.String())
	}
}

// usual reports whether the refusal is a step on the way to a relay.
func (f *refusal) usual() bool {
	return f.code == codeUnauthorized && f.cause == "" || f.code == codeStaleNonce
}
