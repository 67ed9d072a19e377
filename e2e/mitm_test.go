package e2e

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"callbox/e2e/netlab"
	"callbox/internal/mitm"
)

// lieVariable makes this test program run as a man in the middle with the lie that it
// names.
const lieVariable = "CALLBOX_E2E_LIE"

// runAttacker sits between two ends until the program is stopped. The arguments are
// their servers and the room.
func runAttacker(lie string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	m, err := mitm.Join(ctx, mitm.Config{Impolite: os.Args[1], Polite: os.Args[2], Room: os.Args[3], Lie: mitm.Lie(lie)})
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		return
	}
	defer m.Close()
	_, _ = fmt.Fprintln(os.Stdout, "joined")
	if _, _, err := m.Run(ctx); err != nil && ctx.Err() == nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
	}
	<-ctx.Done()
}

// startAttacker starts a man in the middle between two servers, and returns when he has joined both rooms.
func startAttacker(t *testing.T, n *netlab.Namespace, impolite, polite *server, room string, lie mitm.Lie) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := startProcess(n, append(trusting(impolite), lieVariable+"="+string(lie)), self, impolite.url, polite.url, room)
	if err != nil {
		t.Fatal(err)
	}
	newBotProcess(t, p, "")
	if err := eventually(t, patience, func() error {
		if !strings.Contains(p.stdout.String(), "joined") {
			return fmt.Errorf("the attacker has not joined: %s", p.stdout.String())
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return p
}

type attackedPage struct {
	lie     mitm.Lie
	browser string // of the impolite page; the other is in Firefox
}

// attackedPages returns the calls to attack: all of them, or each lie once. Firefox
// connects with whoever has one of several fingerprints, Chromium with the last.
func attackedPages() []attackedPage {
	if !*matrixFull {
		return []attackedPage{{mitm.None, "chromium"}, {mitm.Before, "firefox"}, {mitm.After, "chromium"}, {mitm.Session, "firefox"}}
	}
	var all []attackedPage
	for _, lie := range []mitm.Lie{mitm.None, mitm.Before, mitm.After, mitm.Session} {
		all = append(all, attackedPage{lie, "chromium"}, attackedPage{lie, "firefox"})
	}
	return all
}

// TestManInTheMiddle connects two pages through an attacker who controls both servers and
// forwards everything that the pages send on ctl. The pages must show different codes, even
// if the descriptions also contain the fingerprint of the other page.
func TestManInTheMiddle(t *testing.T) {
	connectClients(t)
	lab, first := sharedLab(t), sharedServer(t)
	second := startServer(t, "--turn-udp", "", "--turn-tcp", "", "--turn-tls", "")
	t.Cleanup(func() {
		if err := second.stop(); err != nil {
			t.Error(err)
		}
	})
	for _, c := range attackedPages() {
		lie, browserOfAnn := c.lie, c.browser
		t.Run(string(lie)+"-"+browserOfAnn, func(t *testing.T) {
			room := "between-" + string(lie) + "-" + browserOfAnn
			ann := openAt(t, side{browserOfAnn, "a"}, first, room, nil)
			// His browser may have to be started, which can take longer than Ann waits for an answer.
			bo := openAt(t, side{"firefox", "b"}, second, room, nil)
			ann.join()
			first.awaitPeers(t, 1)
			attacker := startAttacker(t, lab.B, first, second, room, lie)
			bo.join()
			codes := [2]string{ann.codeOfAny()}
			if codes[0] != "" { // otherwise he has failed
				codes[1] = bo.codeOfAny()
			}
			t.Logf("the pages show the codes %q", codes)
			if lie == mitm.None && (codes[0] == "" || codes[1] == "") {
				t.Errorf("without a lie there is no code: %q", codes)
			}
			if codes[0] == codes[1] && codes[0] != "" {
				t.Errorf("both pages show the code %s", codes[0])
			}
			for _, tb := range []*tab{ann, bo} {
				tb.click("leave")
			}
			if _, err := attacker.stop(5 * time.Second); err != nil {
				t.Error(err)
			}
			first.awaitPeers(t, 0)
			second.awaitPeers(t, 0)
		})
	}
}

// codeOfAny waits until the page shows a code, or says why it has none, or has given the
// connection up, because the other end has another certificate than the description
// says. Then the code is "".
func (tb *tab) codeOfAny() string {
	tb.t.Helper()
	tb.until(`callbox.state.link?.rebuilds > 0 || callbox.pc?.connectionState === "failed" ||
		["code", "changed", "warning", "impossible"].includes(document.querySelector('[data-action="safety"]').dataset.safety)`)
	return eval[string](tb, safetyShown)
}
