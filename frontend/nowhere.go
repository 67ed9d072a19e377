package frontend

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A page by itself, in both languages, for somebody who followed a link that leads nowhere. It needs no other file:
// which path the server is below cannot be told from an unknown one.
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
<h1>%[1]s</h1>
<p>%[3]s <a href="%[5]s">Start a new call</a></p>
<div lang="zh-Hans">
<h1>%[2]s</h1>
<p>%[4]s<a href="%[5]s">发起新通话</a></p>
</div>
</html>
`
)

// nothingHere is the page for a path that the server does not have; home leads to the home page from there.
func nothingHere(home string) string {
	return fmt.Sprintf(plainPage, "There is no call at this address", "这个地址没有通话",
		"Check the link that you were sent, or ask for it again.", "请核对收到的链接，或让对方重新发送。", home)
}

// damagedLink is the page for a request that is none of HTTP, most often because of a "%" in its path.
func damagedLink(home string) string {
	return fmt.Sprintf(plainPage, "This link is damaged", "这个链接已损坏",
		"Part of it was lost or changed on its way to you. Ask for it again.", "链接在传送中有一部分丢失或改变了，请让对方重新发送。", home)
}

// setPlainHeaders replaces the policy for the call page, which has no style inside, by one that lets nothing in.
func setPlainHeaders(header http.Header) {
	style := sha256.Sum256([]byte(plainStyle))
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(style[:])+
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
}

// serveNothing answers for a path that is not there: people in words, programs in short.
func serveNothing(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	setPlainHeaders(w.Header())
	w.WriteHeader(http.StatusNotFound)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, nothingHere(home(r))) // The client went away: nobody is left to tell.
	}
}

// home returns the way from the path of r to the home page, which works below any path that was taken off.
func home(r *http.Request) string {
	return "./" + strings.Repeat("../", max(0, strings.Count(r.URL.EscapedPath(), "/")-1))
}

// BadRequest returns the whole answer, with a page in words, to a request that net/http takes for malformed: a path such
// as /r/100% never gets to a handler. home is the path of the home page.
func BadRequest(home string) []byte {
	header := http.Header{}
	setSecurityHeaders(header)
	setPlainHeaders(header)
	header.Set("Connection", "close")
	var answer strings.Builder
	answer.WriteString("HTTP/1.1 400 Bad Request\r\n")
	_ = header.Write(&answer) // a strings.Builder takes everything
	answer.WriteString("\r\n" + damagedLink(home))
	return []byte(answer.String())
}

// canonicalRoom returns the way from an address that means a room, though it is written with other slashes or a capital
// R, to the room's page. What else may stick to the room's name is the page's business.
func canonicalRoom(escaped string) (string, bool) {
	segments := strings.FieldsFunc(escaped, func(r rune) bool { return r == '/' })
	if len(segments) != 2 || !strings.EqualFold(segments[0], "r") {
		return "", false
	}
	return strings.Repeat("../", strings.Count(escaped, "/")-1) + "r/" + segments[1], true
}

// redirect leads to target, which is relative, and keeps the query. Browsers keep the fragment.
func redirect(w http.ResponseWriter, r *http.Request, target string) {
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusFound)
}
