package e2e

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestBelowAPath has a call between two pages that are below a path of another
// host's address: one proxy passes the path on, the other takes it off. The
// link that one page shows opens the other.
func TestBelowAPath(t *testing.T) {
	lab := theLab(t)
	theServer(t) // whose authority the browsers trust
	joinLab(t)
	s := startServer(t, "--base-path", "/call/", "--turn-udp", ":0", "--turn-tcp", ":0", "--turn-tls", "")
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	behind := func(p *proxy) *server {
		p.websocket.Store(true)
		return &server{process: s.process, url: p.url + "/call", ca: s.ca, ready: s.ready, client: s.client}
	}
	kept, stripped := behind(startProxy(t, lab.A, s, "")), behind(startProxy(t, lab.B, s, "/call"))

	ann := openAt(t, side{"chromium", "a"}, kept, "", url.Values{"lang": {"en"}})
	goTo(ann, kept.url+"?debug=1") // the server leads to the path with a slash
	ann.until(fmt.Sprintf("location.href === %q", kept.url+"/?debug=1"))
	ann.awaitScreen("home")
	ann.click("start")
	ann.named("Ann").join()
	ann.awaitScreen("waiting")
	link := eval[string](ann, `document.querySelector("[data-link]").value`)
	room, err := url.Parse(link)
	if err != nil || len(link) <= len(kept.url+"/r/") || link[:len(kept.url+"/r/")] != kept.url+"/r/" {
		t.Fatalf("the link is %q, %v; want it below %s", link, err, kept.url)
	}
	bo := openAt(t, side{"chromium", "b"}, stripped, room.Path[len("/call/r/"):], url.Values{"lang": {"en"}})
	bo.named("Bo").join()
	seeEachOther(t, ann, bo)
	for _, tb := range []*tab{ann, bo} {
		if by := tb.signaling().Transport; by != "websocket" {
			t.Errorf("a page is connected by %q", by)
		}
	}
	bo.reload()
	bo.join()
	seeEachOther(t, ann, bo)
	part(t, s, ann, bo)
	eval[any](ann, `(document.querySelector(".brand").click(), null)`)
	ann.awaitScreen("home")
	ann.until(fmt.Sprintf("location.href.startsWith(%q)", kept.url+"/?"))
	for _, tb := range []struct {
		*tab
		url string
	}{{ann, kept.url}, {bo, stripped.url}} {
		for _, r := range tb.Requests() {
			if !strings.HasPrefix(strings.Replace(r.URL, "ws://", "http://", 1), tb.url) && !strings.HasPrefix(r.URL, "data:") {
				t.Errorf("a page below %s asked for %s", tb.url, r.URL)
			}
		}
		if complaints := tb.Complaints(); len(complaints) > 0 {
			t.Errorf("a page below %s complains: %q", tb.url, complaints)
		}
	}
}

func goTo(tb *tab, address string) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.t.Context(), patience)
	defer cancel()
	if err := tb.Goto(ctx, address); err != nil {
		tb.t.Fatal(err)
	}
}
