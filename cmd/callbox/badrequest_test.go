package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A damaged link is answered with a page, even if net/http passes the request to no
// handler.
func TestDamagedLinks(t *testing.T) {
	t.Parallel()
	s := start(t)
	plain := func() (net.Conn, error) { return net.Dial("tcp", strings.TrimPrefix(s.ready.HTTP, "http://")) }
	secure := func(protocols ...string) func() (net.Conn, error) {
		return func() (net.Conn, error) {
			config := &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}
			return tls.Dial("tcp", strings.TrimPrefix(s.ready.HTTPS, "https://"), config)
		}
	}
	for name, dial := range map[string]func() (net.Conn, error){"HTTP": plain, "HTTPS": secure(), "HTTPS with ALPN": secure("http/1.1")} {
		for target, status := range map[string]int{
			"/r/100%": http.StatusBadRequest, "/r/%zz": http.StatusBadRequest, "/%": http.StatusBadRequest, "/r/x?a%": http.StatusOK,
			"/r/%FF": http.StatusOK, "/r/a%2Fb": http.StatusOK, "/nothing": http.StatusNotFound,
		} {
			conn, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			// The second one on a connection, too.
			_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET "+target+" HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n")
			if err != nil {
				t.Fatal(err)
			}
			reader := bufio.NewReader(conn)
			checkPage(t, name+" /", reader, http.StatusOK)
			checkPage(t, name+" "+target, reader, status)
		}
	}
}

// checkPage reads an answer, which must be a page.
func checkPage(t *testing.T, name string, reader *bufio.Reader, status int) {
	t.Helper()
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	contentType := response.Header.Get("Content-Type")
	if response.StatusCode != status || !strings.HasPrefix(contentType, "text/html") || !strings.HasPrefix(string(body), "<!doctype html>") {
		t.Errorf("%s: status %d, %s, %.60q", name, response.StatusCode, contentType, body)
	}
}

func TestDamagedLinkBelowAPath(t *testing.T) {
	t.Parallel()
	s := start(t, "--base-path", "/call/")
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.ready.HTTP, "http://"), "/call"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err = io.WriteString(conn, "GET /call/r/100% HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(answer), `href="/call/"`) {
		t.Errorf("the page does not lead to /call/: %s", answer)
	}
}
