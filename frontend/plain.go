package frontend

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

// PlainPage is an error page in English and Chinese. It loads no other file, because an unknown path does not tell which
// base path the server is below. The bodies are HTML; the caller must escape whatever comes from outside.
type PlainPage struct{ Title, Body, ChineseTitle, ChineseBody string }

const plainStyle = "body{max-width:40rem;margin:15vh auto;padding:0 1.25rem;font:1.0625rem/1.6 system-ui,sans-serif}" +
	"h1{font-size:1.5rem}a{color:#0b7a6b}@media(prefers-color-scheme:dark){body{background:#0f1216;color:#f2f4f7}a{color:#3bc6b0}}"

// HTML returns the whole page. It needs the headers that SetPlainHeaders sets.
func (p PlainPage) HTML() string {
	return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>` + p.Title + " · " + p.ChineseTitle + ` – callbox</title>
<style>` + plainStyle + `</style>
<main>
<h1>` + p.Title + `</h1>
` + p.Body + `
<div lang="zh-Hans">
<h1>` + p.ChineseTitle + `</h1>
` + p.ChineseBody + `
</div>
</main>
</html>
`
}

// SetPlainHeaders sets the type and the policy of a PlainPage, which allows its inline style and nothing else.
func SetPlainHeaders(header http.Header) {
	style := sha256.Sum256([]byte(plainStyle))
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(style[:])+
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
}
