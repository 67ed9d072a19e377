package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callbox/internal/wishtest"
	"callbox/peer"
	"callbox/peer/pattern"
)

func TestPeerWithMediaServer(t *testing.T) {
	t.Parallel()
	s := wishtest.New(t)
	s.Token = "secret"
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	runPeer(t, &syncBuffer{}, s.URL, "--whip", "--token", "secret", "--duration", "1s", "--keylog", keys)().
		check(t, exitOK, "The media server answers.", "Connected with 127.0.0.1", "Success", "keys of the call are written")
	if s.Packets[0].Load() == 0 || s.Packets[1].Load() == 0 {
		t.Errorf("%d and %d packets", s.Packets[0].Load(), s.Packets[1].Load())
	}
	text, err := os.ReadFile(keys)
	if err != nil || !strings.Contains(string(text), "CLIENT_") {
		t.Errorf("%v, %d bytes of keys", err, len(text))
	}
	if info, err := os.Stat(keys); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", err, info.Mode())
	}
	if s.Source, err = peer.Pattern(pattern.Size{Width: 256, Height: 128}, 20); err != nil {
		t.Fatal(err)
	}
	runPeer(t, &syncBuffer{}, s.URL, "--whep", "--token", "secret", "--duration", "1s", "--expect", "intact=100%")().
		check(t, exitOK, "intact, byte for byte", "Success")
	runPeer(t, &syncBuffer{}, s.URL, "--whep", "--token", "wrong")().
		check(t, int(peer.NotJoined), "401 Unauthorized")
}

func TestPeerMediaServerFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args  []string
		fault string
	}{
		{[]string{"https://example.org/whip", "room", "--whip"}, "a media server has no rooms"},
		{[]string{"https://example.org/whip", "--whip", "--whep"}, "give one of them"},
		{[]string{"https://example.org/whip", "--whip", "--video", "none", "--audio", "none"}, "nothing to send"},
		{[]string{"example.org", "--whip"}, "write its address"},
		{[]string{"https://example.org", "room", "--keylog", "/nowhere/keys"}, "--keylog"},
	} {
		runPeer(t, &syncBuffer{}, c.args...)().check(t, exitUsage, c.fault)
	}
}
