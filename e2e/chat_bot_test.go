package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"callbox/peer"
)

// talkingVariable makes this test program run as a bot that says something, sends a file
// and takes files.
const talkingVariable = "CALLBOX_E2E_TALKING_BOT"

// The files between a page and the bot: so many blocks of 1 MiB, and some bytes.
const (
	botBlocks, botRest   = 2, 7
	pageBlocks, pageRest = 5, 99
)

func runTalkingBot() {
	report, err := talkingBot(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(report)
	}
	if err != nil {
		panic(err)
	}
}

// talkingBot returns an error if the bot's file has not arrived.
func talkingBot(args []string) (*peer.Report, error) {
	cfg, err := botConfig(args)
	if err != nil {
		return nil, err
	}
	cfg.TakeFiles = pageBlocks<<20 + pageRest
	call, err := peer.Join(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	if err := call.Say("<b>hello</b>"); err != nil {
		return nil, err
	}
	content := blocks(botBlocks, botRest)
	file, err := call.SendFile(peer.File{Name: "bot.bin", Size: int64(len(content)), Content: bytes.NewReader(content)})
	if err != nil {
		return nil, err
	}
	report := call.Wait()
	return report, file.Err()
}

// blocks returns the content that talk.block of chat.js makes.
func blocks(count, rest int) []byte {
	var content []byte
	for n := range count + 1 {
		x := uint32(n + 1)
		for range 1 << 18 {
			x = x*1664525 + 1013904223
			content = binary.BigEndian.AppendUint32(content, x)
		}
	}
	return content[:count<<20+rest]
}

// A page and a bot write to each other and send each other files. The page's file
// continues when it asks for a new connection in the middle.
func TestChatWithBot(t *testing.T) {
	s, lab := sharedServer(t), sharedLab(t)
	connectClients(t)
	const room = "chat-bot"
	b := startOwnBot(t, lab.A, s, room, talkingVariable+"=1", time.Minute)
	s.awaitPeers(t, 1)
	ann := open(t, sharedBrowser(t, "chromium", "b"), s, room, url.Values{"lang": {"en"}}, chatJS)
	ann.join()
	ann.awaitScreen("call")
	ann.click("chat")
	ann.hears("<b>hello</b>")
	ann.awaitTransfer("offered")
	ann.clickTransfer("take-file")
	ann.awaitTransfer("done")
	checkSaved(t, ann, botBlocks, botRest)
	ann.say("hello, bot")
	ann.until(`document.querySelector('[data-entry="own"][data-state="delivered"]') !== null`)

	eval[any](ann, `(talk.passed = 0, talk.limit = 3.5 * 2 ** 20, null)`)
	ann.attach("page.bin", pageBlocks, pageRest)
	ann.awaitTransfer("checking") // Everything is sent, and a part of it is lost.
	ann.keepPC()
	eval[any](ann, `(talk.limit = Infinity, talk.rebuild = true, callbox.pc.restartIce(), null)`)
	ann.until(`window.kept !== callbox.pc`)
	ann.awaitTransfer("done")
	ann.attach("more.bin", 0, 1) // more than the bot takes
	ann.awaitTransfer("refused")

	ann.click("leave")
	ann.awaitScreen("ended")
	r := b.report(t)
	want := peer.FileCount{Count: 1, Bytes: r.Data.Files.Bytes, Refused: 1}
	if sent := int64(pageBlocks<<20 + pageRest); r.ExitCode != 0 || r.Data.Texts != 1 || r.Data.Files != want || want.Bytes < sent || want.Bytes > sent+1<<20 {
		t.Errorf("the bot reports exit code %d, %+v", r.ExitCode, r.Data)
	}
	s.awaitPeers(t, 0)
	ann.checkFaults(s)
}

// attach gives the page a file of so many blocks and some bytes.
func (tb *tab) attach(name string, blocks, rest int) {
	tb.t.Helper()
	eval[bool](tb, fmt.Sprintf(`talk.choose(%q, %d, %d)`, name, blocks, rest))
}
