package frontend

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func TestNothingHere(t *testing.T) {
	h := Handler(Config{})
	for target, home := range map[string]string{
		"/nothing": "./", "/r/": "./../", "/r": "./", "/r/a/b": "./../../", "/index.php?id=%3Cscript%3E": "./", "/assets/0123456789ab/js/main.js": "./../../../",
	} {
		page := get(h, target, "Accept", browser)
		if page.status != http.StatusNotFound || page.header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("GET %s: status %d, %s", target, page.status, page.header.Get("Content-Type"))
		}
		for _, text := range []string{"There is no call at this address", "这个地址没有通话", `href="` + home + `"`} {
			if !strings.Contains(page.body, text) {
				t.Errorf("GET %s: the page lacks %q", target, text)
			}
		}
		if strings.Contains(page.body, "script") {
			t.Errorf("GET %s: the page repeats what it was asked", target)
		}
		if head := ask(h, http.MethodHead, target, "Accept", browser); head.status != http.StatusNotFound || head.body != "" {
			t.Errorf("HEAD %s: status %d, %q", target, head.status, head.body)
		}
		if plain := get(h, target, "Accept", "*/*"); plain.status != http.StatusNotFound || plain.body != "not found\n" {
			t.Errorf("GET %s by a program: status %d, %q", target, plain.status, plain.body)
		}
	}
}

// The path of a room or of the check with other slashes leads there, below any path, and keeps what the link says beside it.
func TestOtherSpellings(t *testing.T) {
	h := Handler(Config{})
	for target, want := range map[string]string{
		"/r/lamp/": "/r/lamp", "/r/lamp//": "/r/lamp", "//r/lamp": "/r/lamp", "/r//lamp": "/r/lamp", "/R/lamp": "/r/lamp", "/R/lamp/?lang=zh&x=1": "/r/lamp?lang=zh&x=1",
		"/check/": "/check", "//check//?lang=zh": "/check?lang=zh",
		"/r/a%2Fb/": "/r/a%2Fb", "/r/x%2E/": "/r/x%2E", "/r/%E9%9D%99/": "/r/%E9%9D%99",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://call.example"+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		response := serve(h, r)
		base := &url.URL{Scheme: "http", Host: "call.example", Path: r.URL.Path, RawPath: r.URL.RawPath}
		location, err := base.Parse(response.header.Get("Location"))
		if err != nil || response.status != http.StatusFound || location.String() != "http://call.example"+want {
			t.Errorf("GET %s: status %d, to %v (%v); want %s", target, response.status, location, err, want)
		}
	}
}

func TestBadRequest(t *testing.T) {
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(BadRequest("/call/"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusBadRequest || !response.Close || response.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("status %d, %v", response.StatusCode, response.Header)
	}
	for _, text := range []string{"This link is damaged", "这个链接已损坏", `href="/call/"`} {
		if !strings.Contains(string(body), text) {
			t.Errorf("the page lacks %q", text)
		}
	}
}
