package e2e

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"callbox/e2e/netlab"
)

// loseNothing kills the server of a direct call, for which the call does not need it. It returns how many packets of
// video got lost meanwhile.
func loseNothing(t *testing.T) int64 {
	t.Helper()
	s := ownServer(t)
	connectClients(t)
	ann, bo := startRecorded(t, s, nil)
	tabs := []*tab{ann, bo}
	var before [2]int
	for i, tb := range tabs {
		before[i] = tb.video().Lost
	}
	s.kill(t)
	useWithoutServer(ann, bo)
	s.startAgain(t)
	lost := 0
	for i, tb := range tabs {
		tb.until(`callbox.signaling.phase === "up"`)
		lost += tb.video().Lost - before[i]
		if pauses := eval[[][2]int64](tb, "recovery.pauses"); len(pauses) > 0 {
			t.Errorf("the picture stood still: %v", pauses)
		}
	}
	return int64(lost)
}

// recoverRelayed kills the server whose relays carry the call.
func recoverRelayed(t *testing.T) int64 {
	t.Helper()
	s := ownServer(t)
	checkNoRoute(t)
	ann, bo := startRecorded(t, s, url.Values{"ice": {"relay"}})
	killed := time.Now()
	returned := restartServer(t, s, func() {})
	return pictureBack(t, killed, ann, bo).Sub(returned).Milliseconds()
}

// recoverFrozen drops all packets between the clients. Neither gets an error.
func recoverFrozen(t *testing.T) int64 {
	t.Helper()
	s := ownServer(t) // peers of earlier tests may still be in the shared one
	connectClients(t)
	ann, bo := startRecorded(t, s, nil)
	frozen := time.Now()
	for _, n := range []*netlab.Namespace{sharedLab(t).A, sharedLab(t).B} {
		defer dropArriving(t, n, 100)()
	}
	restarted := int64(0)
	if err := eventually(t, patience, func() error {
		for _, tb := range []*tab{ann, bo} {
			if at := eval[int64](tb, "recovery.restarts[0] ?? 0"); at > 0 && (restarted == 0 || at < restarted) {
				restarted = at
			}
		}
		if restarted == 0 {
			return fmt.Errorf("no ICE restart has begun")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return restarted - frozen.UnixMilli()
}

// replaceAddress gives Ann's device another address, as when it moves to another network.
func replaceAddress(t *testing.T) time.Time {
	t.Helper()
	lab := sharedLab(t)
	at := time.Now()
	if err := lab.Move(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.MoveBack(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return at
}

func recoverReplaced(t *testing.T) int64 {
	t.Helper()
	s := ownServer(t)
	connectClients(t)
	ann, bo := startRecorded(t, s, nil)
	replaced := replaceAddress(t)
	return pictureBack(t, replaced, ann, bo).Sub(replaced).Milliseconds()
}

// ownServer starts a server that the test can kill.
func ownServer(t *testing.T, flags ...string) *server {
	t.Helper()
	s := startServer(t, flags...)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// outage is how long a server that was killed is away: a quick restart, as of a service.
const outage = 3 * time.Second

// restartServer kills the server, calls meanwhile, starts the server again after a while, and returns when it was back.
func restartServer(t *testing.T, s *server, meanwhile func()) time.Time {
	t.Helper()
	s.kill(t)
	away := time.NewTimer(outage)
	meanwhile()
	<-away.C
	s.startAgain(t)
	return time.Now()
}

func recoverReplacedWithoutServer(t *testing.T) int64 {
	t.Helper()
	s := ownServer(t)
	connectClients(t)
	ann, bo := startRecorded(t, s, nil)
	var replaced time.Time
	returned := restartServer(t, s, func() { replaced = replaceAddress(t) })
	// The ends of a call may find another path without the server.
	return max(0, pictureBack(t, replaced, ann, bo).Sub(returned).Milliseconds())
}

// recoverReloaded reloads Ann's page. She clicks on Join as soon as her page can be joined with.
func recoverReloaded(t *testing.T) int64 {
	t.Helper()
	s := ownServer(t)
	connectClients(t)
	ann, bo := startRecorded(t, s, nil)
	reloaded := eval[int64](ann, `(() => {
		sessionStorage.setItem("joins", "1");
		setTimeout(() => location.reload());
		return Date.now();
	})()`)
	bo.until(fmt.Sprintf("recovery.first > %d", reloaded))
	ann.until(fmt.Sprintf("recovery.first > %d", reloaded))
	return max(eval[int64](bo, "recovery.first"), eval[int64](ann, "recovery.first")) - reloaded
}

func recoverClosed(t *testing.T) int64 {
	t.Helper()
	s := ownServer(t) // peers of earlier tests may still be in the shared one
	connectClients(t)
	ann, bo := startRecorded(t, s, nil)
	eval[any](bo, `(new MutationObserver(() => {
		if (document.querySelector("[data-banner]").textContent.startsWith("Ann has closed or reloaded")) window.told ??= Date.now();
	}).observe(document.querySelector("[data-banner]"), {childList: true}), null)`)
	closed := time.Now()
	if err := ann.Page.(interface{ CloseTab(context.Context) error }).CloseTab(t.Context()); err != nil {
		t.Fatal(err)
	}
	bo.until("window.told > 0")
	return eval[int64](bo, "told") - closed.UnixMilli()
}
