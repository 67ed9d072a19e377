package main

import (
	"fmt"
	"io"
	"net/http"
)

// plainPage is a self-contained page in both languages. The bodies are HTML; anything
// from outside must be escaped.
type plainPage struct{ title, english, chinese string }

func writePage(w http.ResponseWriter, status int, page plainPage) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Robots-Tag", "noindex")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, page.html()) // the client is gone when this fails
}

func (p plainPage) html() string {
	return fmt.Sprintf(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%[1]s</title>
</head>
<body>
<main>
<h1>%[1]s</h1>
%[2]s
<div lang="zh-CN">
%[3]s
</div>
</main>
</body>
</html>
`, p.title, p.english, p.chinese)
}
