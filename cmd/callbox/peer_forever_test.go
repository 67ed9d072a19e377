package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"callbox/peer"
)

// One bot answers two callers, one after the other, and is then stopped.
func TestPeerForever(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var (
		out    syncBuffer
		errOut bytes.Buffer
		code   int
		wg     sync.WaitGroup
	)
	wg.Go(func() {
		code = run(ctx, nil, []string{"peer", s.ready.HTTP, "room", "--forever", "--duration", "0", "--json", "-"}, noEnv, strings.NewReader(""), &out, &errOut)
	})
	lines := func() []string { return strings.Split(strings.TrimSpace(out.String()), "\n") }
	for n := range 2 {
		callPeer(t, s.ready.HTTP, "--duration", "1s")().check(t, exitOK, "Success")
		for deadline := time.Now().Add(patience); len(lines()) < n+1 || lines()[n] == ""; wait(t.Context(), 10*time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("no report of call %d: %s", n, errOut.String())
			}
		}
	}
	stop()
	wg.Wait()
	if code != exitOK || len(lines()) != 2 {
		t.Errorf("exit code %d\n%s\n%s", code, out.String(), errOut.String())
	}
	for _, line := range lines() {
		var r peer.Report
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Schema != peer.Schema || r.Result != peer.Pass {
			t.Errorf("%v in %s", err, line)
		}
	}
}

func TestPeerForeverNeedsTheFirstJoin(t *testing.T) {
	t.Parallel()
	callPeer(t, "http://127.0.0.1:1", "--forever")().check(t, int(peer.NotJoined), "could not join")
}
