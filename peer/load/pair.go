package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"callbox/peer"
	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// answererMargin is how much longer than the first end the second one stays, so that it is
// the first that hangs up.
const answererMargin = time.Minute

// keepSent is enough for a round trip of a quarter of a second at 500 packets a second.
const keepSent = 128

// pair makes one call between two ends of this process.
func (r *run) pair(ctx context.Context, number int) {
	first, report := r.join(ctx, number, 0)
	if first == nil {
		r.notJoined(report)
		return
	}
	second, report := r.join(ctx, number, 1)
	if second == nil {
		first.Close()
		r.notJoined(report)
		return
	}
	if first.WaitConnected(ctx) == nil && second.WaitConnected(ctx) == nil {
		r.tally.connected(time.Now())
		select {
		case <-first.Done():
		case <-second.Done():
		}
		r.tally.disconnected(time.Now())
	}
	one, two := first.Wait(), second.Wait()
	r.tally.add(one, two)
}

// notJoined counts a pair that could not join; nil = it was not tried to the end.
func (r *run) notJoined(report *peer.Report) {
	if report != nil && report.ExitCode != peer.Interrupted {
		r.tally.add(report)
	}
}

// join lets one end of a pair join, when the server takes it. Without a call, it returns
// the report that says why; nil = the run is over.
func (r *run) join(ctx context.Context, number, end int) (*peer.Call, *peer.Report) {
	if r.gate.wait(ctx) != nil {
		return nil, nil
	}
	cfg := peer.Config{
		Server: r.cfg.Server, Room: fmt.Sprintf("%s-%d", r.room, number), Name: []string{"load, first", "load, second"}[end],
		Token: r.cfg.Token, TLS: r.cfg.TLS, DialServer: r.cfg.dial, Logger: r.cfg.Logger, Version: r.cfg.Version, RunID: r.cfg.RunID,
		ICE: r.cfg.ICE, TURNProtocol: r.cfg.TURNProtocol, ConnectTimeout: r.cfg.ConnectTimeout,
		Duration: r.cfg.Duration + time.Duration(end)*answererMargin,
		Video:    r.video.Source(), Shared: r.video, CountAudio: true, Certificates: r.certificates[end], NoMDNS: true, StayOnRelay: true, KeepSent: keepSent,
		Refused: func(err error, after time.Duration) bool { return r.gate.refused(adviseOn(err), after) },
	}
	if r.cfg.Audio {
		cfg.Audio = peer.Speech()
	}
	call, report, err := peer.TryJoin(ctx, cfg)
	switch {
	case err != nil: // the configuration was checked
		r.cfg.Logger.Error("a call could not be configured", "err", err)
		return nil, nil
	case report != nil:
		if ctx.Err() == nil {
			r.gate.failed(report)
		}
		return nil, report
	}
	r.gate.joined()
	return call, nil
}

// adviseOn adds to a refusal which flag of the server raises the limit.
func adviseOn(err error) error {
	flag := ""
	handshake, refused := errors.AsType[*client.HandshakeError](err)
	answer, answered := errors.AsType[protocol.Error](err)
	switch {
	case refused && handshake.Status == http.StatusTooManyRequests:
		flag = "--limit-connections"
	case refused && handshake.Status == http.StatusServiceUnavailable:
		flag = "--memory, or the number of file descriptors,"
	case answered && answer.Code == protocol.CodeRateLimited:
		flag = "--limit-joins"
	default:
		return err
	}
	return fmt.Errorf("%w; raise %s of the server, or make --ramp slower", err, flag)
}
