package frontend

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// The page for people who followed a link that leads nowhere, in both languages. It loads no other file, because an
// unknown path does not tell which base path the server is below.
const (
	plainStyle = "body{max-width:40rem;margin:15vh auto;padding:0 1.25rem;font:1.0625rem/1.6 system-ui,sans-serif}" +
		"h1{font-size:1.5rem}a{color:#0b7a6b}@media(prefers-color-scheme:dark){body{background:#0f1216;color:#f2f4f7}a{color:#3bc6b0}}"
	plainPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%[1]s · %[2]s – callbox</title>
<style>` + plainStyle + `</style>
<main>
<h1>%[1]s</h1>
<p>%[3]s <a href="%[5]s">Start a new call</a></p>
<div lang="zh-Hans">
<h1>%[2]s</h1>
<p>%[4]s<a href="%[5]s">发起新通话</a></p>
</div>
</main>
</html>
`
)

// nothingHere returns the page for a path that does not exist. home is the relative URL of the home page.
func nothingHere(home string) string {
	return fmt.Sprintf(plainPage, "There is no call at this address", "这个地址没有通话",
		"Check the link you were sent, or ask for it again.", "请核对收到的链接，或让对方重新发送。", home)
}

// damagedLink returns the page for a malformed HTTP request, most often one with a stray "%" in its path.
func damagedLink(home string) string {
	return fmt.Sprintf(plainPage, "This link is damaged", "这个链接已损坏",
		"Part of it is missing or was changed. Ask for it again.", "链接有一部分丢失或被改动，请让对方重新发送。", home)
}

// setPlainHeaders replaces the call page's policy by one that allows this page's inline style and nothing else.
func setPlainHeaders(header http.Header) {
	style := sha256.Sum256([]byte(plainStyle))
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(style[:])+
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
}

// serveNothing answers 404: with the page for people, with a short text for programs.
func serveNothing(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	setPlainHeaders(w.Header())
	w.WriteHeader(http.StatusNotFound)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, nothingHere(home(r))) // The client is gone if this fails.
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
	setPlainHeaders(header)
	header.Set("Connection", "close")
	var response strings.Builder
	response.WriteString("HTTP/1.1 400 Bad Request\r\n")
	_ = header.Write(&response) // a strings.Builder takes everything
	response.WriteString("\r\n" + damagedLink(home))
	return []byte(response.String())
}

// canonicalRoom returns the relative URL of a room's page from a path that names the room with other slashes or a
// capital R. The page itself removes anything else that sticks to the room's name.
func canonicalRoom(escaped string) (string, bool) {
	segments := strings.FieldsFunc(escaped, func(r rune) bool { return r == '/' })
	if len(segments) != 2 || !strings.EqualFold(segments[0], "r") {
		return "", false
	}
	return strings.Repeat("../", strings.Count(escaped, "/")-1) + "r/" + segments[1], true
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
