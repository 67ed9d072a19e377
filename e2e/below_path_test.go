package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestBelowAPath makes a call between two pages that proxies serve below a path:
// one proxy keeps the path in the requests that it forwards, the other strips it.
// The link that one page shows opens the other.
func TestBelowAPath(t *testing.T) {
	lab := sharedLab(t)
	sharedServer(t) // the browsers trust its certificate authority
	connectClients(t)
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
	ann.goTo(kept.url + "?debug=1") // the server redirects to the path with a slash
	ann.until(fmt.Sprintf("location.href === %q", kept.url+"/?debug=1"))
	ann.awaitScreen("home")
	ann.click("start")
	ann.enterName("Ann").join()
	ann.awaitScreen("waiting")
	link := eval[string](ann, `document.querySelector("[data-link]").value`)
	room, err := url.Parse(link)
	if err != nil || len(link) <= len(kept.url+"/r/") || link[:len(kept.url+"/r/")] != kept.url+"/r/" {
		t.Fatalf("the link is %q, %v; want one below %s", link, err, kept.url)
	}
	bo := openAt(t, side{"chromium", "b"}, stripped, room.Path[len("/call/r/"):], url.Values{"lang": {"en"}})
	bo.enterName("Bo").join()
	seeEachOther(t, ann, bo)
	for _, tb := range []*tab{ann, bo} {
		if by := tb.signaling().Transport; by != "websocket" {
			t.Errorf("a page is connected over %q", by)
		}
	}
	bo.reload()
	bo.join()
	seeEachOther(t, ann, bo)
	leaveAll(t, s, ann, bo)
	eval[any](ann, `(document.querySelector(".brand").click(), null)`)
	ann.awaitScreen("home")
	ann.until(fmt.Sprintf("location.href.startsWith(%q)", kept.url+"/?"))
	for _, tb := range []struct {
		*tab
		url string
	}{{ann, kept.url}, {bo, stripped.url}} {
		for _, r := range tb.Requests() {
			if !strings.HasPrefix(strings.Replace(r.URL, "ws://", "http://", 1), tb.url) && !strings.HasPrefix(r.URL, "data:") {
				t.Errorf("a page below %s requested %s", tb.url, r.URL)
			}
		}
		if errs := tb.Errors(); len(errs) > 0 {
			t.Errorf("a page below %s reports errors: %q", tb.url, errs)
		}
	}
}
