package main

import (
	"io"
	"net/http"

	"callbox/frontend"
)

// writePage answers with a page for people.
func writePage(w http.ResponseWriter, status int, page frontend.PlainPage) {
	header := w.Header()
	frontend.SetPlainHeaders(header)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Robots-Tag", "noindex")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, page.HTML()) // the client is gone when this fails
}
