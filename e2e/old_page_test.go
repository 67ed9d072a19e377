package e2e

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// oldRevision is the last without the data channels of docs/call.md. Its page is in testdata:
// a clone may have no history.
//
//	git archive --format=tar ca7baae:frontend/static | gzip -9n >e2e/testdata/page-without-channels.tar.gz
const oldRevision = "ca7baae"

// endsFull is set by `make long`.
var endsFull = flag.Bool("ends.full", false, "have the old page join second, too; build the old bot from the history of this repository, and LiveKit, and call them; more browsers and programs")

// TestOldPage makes calls between the page without the data channels and today's page and bot.
// Who comes first makes the offer.
func TestOldPage(t *testing.T) {
	s, lab := sharedServer(t), sharedLab(t)
	connectClients(t)
	old := startOldPage(t, s)
	order := []string{"old"}
	if *endsFull {
		order = append(order, "new")
	}
	for _, first := range order {
		t.Run(first+" page first", func(t *testing.T) {
			room := "old-" + first
			tabs := map[string]*tab{}
			for i, which := range map[string][]string{"old": {"old", "new"}, "new": {"new", "old"}}[first] {
				if which == "old" {
					tabs[which] = openAt(t, side{"chromium", "a"}, old, room, url.Values{"lang": {"en"}})
				} else {
					tabs[which] = openAt(t, side{"chromium", "b"}, s, room, url.Values{"lang": {"en"}})
				}
				tabs[which].enterName(map[string]string{"old": "Ann", "new": "Bo"}[which]).join()
				s.awaitPeers(t, i+1)
			}
			testOldPage(t, s, tabs["old"], tabs["new"])
		})
	}
	t.Run("bot", func(t *testing.T) {
		ann := openAt(t, side{"chromium", "a"}, old, "old-bot", nil)
		ann.join()
		s.awaitPeers(t, 1)
		b := startBot(t, lab.B, s, "old-bot", "direct", time.Minute)
		want := expected{bot{}, "direct"}
		if found := ann.observeUntil(want).check(want); len(found) > 0 {
			t.Errorf("the old page receives:\n%v", found)
		}
		ann.click("leave")
		if r := b.report(t); r.ExitCode != 0 || r.SafetyCode != nil || r.Data != nil {
			t.Errorf("the bot reports %+v", r)
		}
		ann.checkErrors()
	})
}

// testOldPage has Ann with the old page and Bo with today's do what the old one can.
func testOldPage(t *testing.T, s *server, ann, bo *tab) {
	t.Helper()
	seeEachOther(t, ann, bo)
	bo.until(safetyLooks("impossible"))
	bo.until(`document.querySelector('[data-action="chat"]').dataset.closed === "true"`)
	if channels := eval[int](ann, "callbox.pc.getStats().then((all) => [...all.values()].filter(({type}) => type === 'data-channel').length)"); channels != 0 {
		t.Errorf("the old page has %d data channels", channels)
	}
	for _, pair := range [][2]*tab{{ann, bo}, {bo, ann}} {
		from, to := pair[0], pair[1]
		from.click("mute")
		to.until(`callbox.state.remote.audio === false`)
		from.click("mute")
		to.until(`callbox.state.remote.audio === true`)
		from.click("camera")
		to.until(`document.querySelector('[data-cover="remote"]').checkVisibility()`)
		from.click("camera")
		to.until(`!document.querySelector('[data-cover="remote"]').checkVisibility()`)
		testScreenAlone(from, to)
		testRestart(from, to)
	}
	ann.reload()
	ann.join()
	seeEachOther(t, ann, bo)
	leaveAll(t, s, ann, bo)
	ann.checkErrors()
	bo.checkFaults(s)
}

// checkErrors fails the test for each error that the page reports.
func (tb *tab) checkErrors() {
	tb.t.Helper()
	for _, text := range tb.Errors() {
		tb.t.Error("an error: " + text)
	}
}

// oldCodec is the only one that the old bot has for sound.
const oldCodec = "audio/PCMU"

// TestOldBot calls the bot without the data channels.
func TestOldBot(t *testing.T) {
	if !*endsFull {
		t.Skip("only with -ends.full: it takes the time of a build")
	}
	if exec.CommandContext(t.Context(), "git", "cat-file", "-e", oldRevision+"^{commit}").Run() != nil {
		t.Skipf("this clone does not have the revision %s", oldRevision)
	}
	s, lab := sharedServer(t), sharedLab(t)
	connectClients(t)
	binary := buildOldBot(t)
	for _, kind := range []string{"chromium", "bot"} {
		t.Run(kind, func(t *testing.T) {
			room := "old-bot-" + kind
			var tb *tab
			var today *botProcess
			if kind == "bot" {
				today = startBot(t, lab.A, s, room, "direct", time.Minute)
			} else {
				tb = openAt(t, side{kind, "a"}, s, room, nil)
				tb.join()
			}
			s.awaitPeers(t, 1)
			// Long enough for its second request for a key frame, and for all that the page is asked.
			old := startBotOf(t, binary, lab.B, s, room, "direct", 20*time.Second)
			want := expected{bot{}, "direct"}
			if tb != nil {
				if found := tb.observeUntil(want).check(want); len(found) > 0 {
					t.Errorf("the page receives:\n%v", found)
				}
				tb.until(safetyLooks("impossible"))
				want.from = cameraOf("a")
			} else if r := today.report(t); r.SafetyCode != nil {
				t.Errorf("today's bot has the safety code %s", *r.SafetyCode)
			} else if found := checkReportWith(r, want, oldCodec); len(found) > 0 {
				t.Errorf("today's bot receives:\n%v", found)
			}
			if r := old.report(t); r.ExitCode != 0 {
				t.Errorf("the old bot ended with exit code %d: %s", r.ExitCode, r.Reason)
			} else if found := checkReportWith(r, want, oldCodec); len(found) > 0 {
				t.Errorf("the old bot receives:\n%v", found)
			}
			if tb != nil {
				tb.click("leave")
				tb.checkFaults(s)
			}
			s.awaitPeers(t, 0)
		})
	}
}

// buildOldBot builds callbox of the old revision.
func buildOldBot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(dir, "source.tar")
	for _, command := range [][]string{
		{"git", "-C", moduleRoot(t), "archive", "--output", archive, oldRevision},
		{"tar", "-x", "-f", archive, "-C", dir},
		{"go", "build", "-C", dir, "-o", "callbox", "./cmd/callbox"},
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command[0], err, out)
		}
	}
	return filepath.Join(dir, "callbox")
}

// startOldPage serves the old page at client a, and forwards everything else to the server.
func startOldPage(t *testing.T, s *server) *server {
	t.Helper()
	files := readArchive(t, "testdata/page-without-channels.tar.gz")
	p := startProxy(t, sharedLab(t).A, s, "")
	p.websocket.Store(true)
	p.page.Store(func(w http.ResponseWriter, r *http.Request) bool {
		name, isAsset := strings.CutPrefix(r.URL.Path, "/assets/old/")
		if !isAsset {
			name = "index.html"
		}
		if r.Method != http.MethodGet || !isAsset && !strings.HasPrefix(r.URL.Path, "/r/") || files[name] == "" {
			return false
		}
		w.Header().Set("Content-Type", mime.TypeByExtension(filepath.Ext(name)))
		filled := strings.NewReplacer("{{base}}", "../", "{{hash}}", "old", "{{preload}}", "", "{{version}}", oldRevision)
		_, err := filled.WriteString(w, files[name])
		return err == nil
	})
	return &server{process: s.process, url: p.url, ca: s.ca, ready: s.ready, client: s.client}
}

// readArchive returns the files of a compressed archive by their names.
func readArchive(t *testing.T, name string) map[string]string {
	t.Helper()
	archive, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close() //nolint:errcheck // opened for reading only
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		var body []byte
		if err == nil {
			body, err = io.ReadAll(r)
		}
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", name, err))
		}
		files[header.Name] = string(body)
	}
}
