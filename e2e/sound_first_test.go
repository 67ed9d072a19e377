package e2e

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"callbox/e2e/need"
	"callbox/e2e/netlab"
)

var soundFull = flag.Bool("sound.full", false, "let the video step down until it is paused, and come back")

// TestSoundFirst has a network lose a quarter of what a page sends. The page sends a
// smaller picture, and in the end none, and both pages say why; the sound goes on.
func TestSoundFirst(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	ann, bo := startCall(t, s, "sound-first")
	heal := dropArriving(t, sharedLab(t).B, 25)
	level := func(n int) string { return fmt.Sprintf("callbox.stats().then(({level}) => level >= %d)", n) }
	ann.until(level(1))
	const width = `(async () => (await callbox.stats()).pictureIn.width)()`
	full := eval[int](ann, width) // Bo sends as before
	bo.until(fmt.Sprintf("(%s).then((width) => width > 0 && width <= %d)", width, full/2))
	if *soundFull {
		ann.until(level(3))
		ann.until(`document.querySelector("[data-held]").checkVisibility()`)
		bo.until(`document.querySelector("[data-remote-held]").textContent === "The video of Ann is paused to keep the sound"`)
		const heard = `callbox.pc.getStats().then((all) =>
			[...all.values()].find(({type, kind}) => type === "inbound-rtp" && kind === "audio").packetsReceived)`
		bo.until(fmt.Sprintf("(%s).then((packets) => packets > %d)", heard, eval[int](bo, heard)+50))
		heal()
		ann.click("insist")
		bo.until(`!document.querySelector('[data-cover="remote"]').checkVisibility()`)
		ann.until(`!document.querySelector("[data-held]").checkVisibility()`)
	}
	leaveAll(t, s, ann, bo)
}

// dropArriving makes a namespace lose that share, in percent, of the datagrams that arrive
// there, until heal is called or the test ends.
func dropArriving(t *testing.T, n *netlab.Namespace, percent int) (heal func()) {
	t.Helper()
	rule := "meta l4proto udp drop"
	if percent < 100 {
		rule = fmt.Sprintf("meta l4proto udp numgen random mod 100 < %d drop", percent)
	}
	return addRules(t, n, "chain input {\ntype filter hook input priority 0\n"+rule+"\n}")
}

// addRules adds a chain of nftables to a namespace, until heal is called or the test ends.
func addRules(t *testing.T, n *netlab.Namespace, chain string) (heal func()) {
	t.Helper()
	need.Program(t, "nft")
	nft := func(commands string) error {
		command := exec.CommandContext(context.Background(), "ip", "netns", "exec", n.Name, "nft", "-f", "-")
		command.Stdin = strings.NewReader(commands)
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("nft: %w\n%s", err, out)
		}
		return nil
	}
	if err := nft("table inet faulty {\n" + chain + "\n}"); err != nil {
		t.Fatal(err)
	}
	healed := false
	heal = func() {
		if healed {
			return
		}
		healed = true
		if err := nft("delete table inet faulty"); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(heal)
	return heal
}
