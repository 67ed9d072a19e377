package turnserver

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// logRefusalEvery is the interval between two log lines about refusals with the same code and
// cause.
const logRefusalEvery = time.Minute

// refusals counts the requests that were refused. The zero value is empty.
type refusals struct {
	mu     sync.Mutex
	counts map[int]uint64          // by code
	logged map[refusalKind]logLine // the latest log line of each kind
}

// refusalKind is the code and cause of refusals that share log lines. There are few kinds, since
// causes are texts of this package.
type refusalKind struct {
	code  int
	cause string
}

type logLine struct {
	at    time.Time
	times int // refusals since then
}

// add counts a refusal. It returns how many of its kind, including this one, have come since the
// latest log line, or 0 when it is too early for another line.
func (f *refusals) add(kind refusalKind, now time.Time) (times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts, f.logged = map[int]uint64{}, map[refusalKind]logLine{}
	}
	f.counts[kind.code]++
	last := f.logged[kind]
	last.times++
	if last.at.IsZero() || now.Sub(last.at) >= logRefusalEvery {
		times, last = last.times, logLine{at: now}
	}
	f.logged[kind] = last
	return times
}

// load returns the counts of all codes, including those of 0.
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

// countRefusal counts the refusal of the request being handled, and logs it unless every client
// gets such a refusal: the challenge, and that for a stale nonce.
func (e *endpoint) countRefusal(refused *refusal) {
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

// usual reports whether the refusal is a normal step towards an allocation.
func (f *refusal) usual() bool {
	return f.code == codeUnauthorized && f.cause == "" || f.code == codeStaleNonce
}
