package e2e

import (
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestJoinToken joins a room of a server that requires a join token, with the links
// that `callbox token` prints and with invalid ones.
func TestJoinToken(t *testing.T) {
	sharedServer(t) // the browsers trust its certificate authority
	connectClients(t)
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
		tb.goTo(s.invite(t, room, []string{"Ann", "Bo"}[i]))
		tb.until(`!location.href.includes("token") && !document.querySelector("[data-link]").value.includes("token")`)
		tb.join()
	}
	seeEachOther(t, ann, bo)
	ann.until(`document.querySelector('[data-tag="remote"]').textContent === "Bo"`) // as his token says
	ann.reload()
	ann.join()
	seeEachOther(t, ann, bo)
	leaveAll(t, s, ann, bo)

	for what, link := range map[string]string{
		"no token":                 s.url + "/r/" + room + "?debug=1&lang=en",
		"a token for another room": strings.Replace(s.invite(t, "another", "Cy"), "/r/another", "/r/"+room, 1),
		"an unsigned token":        s.url + "/r/" + room + "?debug=1&lang=en#token=eyJhbGciOiJub25lIn0.eyJyb29tIjoiKiJ9.",
	} {
		t.Run(what, func(t *testing.T) {
			tb := openAt(t, side{"chromium", "a"}, s, "", nil)
			tb.goTo(link)
			tb.join()
			tb.awaitScreen("ended")
			tb.until(`document.querySelector("[data-ended-text]").textContent.includes("does not let you in")`)
		})
	}
}

// invite returns the link that `callbox token` prints, with the query of the tests.
func (s *server) invite(t *testing.T, room, name string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), sharedBinary(t), "token",
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
