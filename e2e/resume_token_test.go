package e2e

import (
	"context"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestJoinToken opens a room of a server that lets in only who has a token, by
// the links that `callbox token` prints, and without.
func TestJoinToken(t *testing.T) {
	theServer(t) // whose authority the browsers trust
	joinLab(t)
	s := startServer(t, "--turn-udp", ":0", "--turn-tcp", ":0", "--turn-tls", ":0", "--limit-joins", "0", "--join-secret", "stored")
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	const room = "members"
	ann := openAt(t, side{"chromium", "a"}, s, "", nil)
	bo := openAt(t, side{"chromium", "b"}, s, "", nil)
	for i, tb := range []*tab{ann, bo} {
		tb.gotoLink(s.invite(t, room, []string{"Ann", "Bo"}[i]))
		tb.until(`!location.href.includes("token") && !document.querySelector("[data-link]").value.includes("token")`)
		tb.join()
	}
	seeEachOther(t, ann, bo)
	ann.until(`document.querySelector('[data-tag="remote"]').textContent === "Bo"`) // as his token says
	ann.reload()
	ann.join()
	seeEachOther(t, ann, bo)
	part(t, s, ann, bo)

	for what, link := range map[string]string{
		"no token":                  s.url + "/r/" + room + "?debug=1&lang=en",
		"a token for another room":  strings.Replace(s.invite(t, "another", "Cy"), "/r/another", "/r/"+room, 1),
		"a token nobody has signed": s.url + "/r/" + room + "?debug=1&lang=en#token=eyJhbGciOiJub25lIn0.eyJyb29tIjoiKiJ9.",
	} {
		t.Run(what, func(t *testing.T) {
			tb := openAt(t, side{"chromium", "a"}, s, "", nil)
			tb.gotoLink(link)
			tb.join()
			tb.awaitScreen("ended")
			tb.until(`document.querySelector("[data-ended-text]").textContent.includes("does not let you in")`)
		})
	}
}

// invite is the link that lets one in, with the query that tests want.
func (s *server) invite(t *testing.T, room, name string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), theBinary(t), "token",
		"--room", room, "--name", name, "--url", s.url, "--data", filepath.Join(shared.dir, "data"))
	printed, err := command.Output()
	if err != nil {
		t.Fatalf("callbox token: %v", err)
	}
	link, err := url.Parse(strings.TrimSpace(string(printed)))
	if err != nil || link.Fragment == "" {
		t.Fatalf("callbox token prints %q", printed)
	}
	link.RawQuery = "debug=1&lang=en"
	return link.String()
}

// gotoLink opens an address in the tab.
func (tb *tab) gotoLink(link string) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.t.Context(), patience)
	defer cancel()
	if err := tb.Goto(ctx, link); err != nil {
		tb.t.Fatal(err)
	}
}
