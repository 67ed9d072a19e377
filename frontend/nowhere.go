package frontend

import (
	"io"
	"net/http"
	"strings"
)

// nothingHere returns the page for a path that does not exist. home is the relative URL of the home page.
func nothingHere(home string) PlainPage {
	return PlainPage{
		Title: "There is no call at this address", Body: withHome("Check the link you were sent, or ask for it again. ", home, "Start a new call"),
		ChineseTitle: "这个地址没有通话", ChineseBody: withHome("请核对收到的链接，或让对方重新发送。", home, "发起新通话"),
	}
}

// damagedLink returns the page for a malformed HTTP request, most often one with a stray "%" in its path.
func damagedLink(home string) PlainPage {
	return PlainPage{
		Title: "This link is damaged", Body: withHome("Part of it is missing or was changed. Ask for it again. ", home, "Start a new call"),
		ChineseTitle: "这个链接已损坏", ChineseBody: withHome("链接有一部分丢失或被改动，请让对方重新发送。", home, "发起新通话"),
	}
}

func withHome(text, home, link string) string {
	return "<p>" + text + `<a href="` + home + `">` + link + "</a></p>"
}

// serveNothing answers 404: with the page for people, with a short text for programs.
func serveNothing(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	SetPlainHeaders(w.Header())
	w.WriteHeader(http.StatusNotFound)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, nothingHere(home(r)).HTML()) // The client is gone if this fails.
	}
}

// home returns the relative URL of the home page from r's path, which is right whatever base path was stripped.
func home(r *http.Request) string {
	return "./" + strings.Repeat("../", max(0, strings.Count(r.URL.EscapedPath(), "/")-1))
}

// BadRequest returns a whole HTTP response with a page for people. It answers a request that net/http rejects as
// malformed, which no handler ever gets: one for a path such as /r/100%. home is the path of the home page.
func BadRequest(home string) []byte {
	header := http.Header{}
	setSecurityHeaders(header)
	SetPlainHeaders(header)
	header.Set("Connection", "close")
	var response strings.Builder
	response.WriteString("HTTP/1.1 400 Bad Request\r\n")
	_ = header.Write(&response) // a strings.Builder takes everything
	response.WriteString("\r\n" + damagedLink(home).HTML())
	return []byte(response.String())
}

// canonical returns the relative URL of a page from a path that names it in another way: a room or the check with other
// slashes, a room with a capital R. The page itself removes anything else that sticks to a room's name.
func canonical(escaped string) (string, bool) {
	segments := strings.FieldsFunc(escaped, func(r rune) bool { return r == '/' })
	up := strings.Repeat("../", max(0, strings.Count(escaped, "/")-1))
	switch {
	case len(segments) == 2 && strings.EqualFold(segments[0], "r"):
		return up + "r/" + segments[1], true
	case len(segments) == 1 && "/"+segments[0] == checkPath:
		return up + checkPath[1:], true
	}
	return "", false
}

// redirect redirects to target, a relative URL, and keeps the query. Browsers keep the fragment.
func redirect(w http.ResponseWriter, r *http.Request, target string) {
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusFound)
}
