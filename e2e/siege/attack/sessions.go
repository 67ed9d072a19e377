package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// sessions opens sessions over plain HTTP and abandons them in different ways.
func sessions(ctx context.Context, a *attacker) {
	a.repeat(ctx, max(5, a.each/10), func(ctx context.Context, source netip.Addr, i int) {
		client := a.http(source)
		defer client.CloseIdleConnections()
		for n := 0; ctx.Err() == nil; n++ {
			var opened struct{ Session string }
			text, ok := a.post(ctx, client, source, http.MethodPost, "sessions", "", "")
			if !ok || json.Unmarshal([]byte(text), &opened) != nil {
				return
			}
			a.opened.Add(1)
			switch i % 5 {
			case 0: // deleted
				a.post(ctx, client, source, http.MethodDelete, "sessions", opened.Session, "")
			case 1: // joined, and silent from then on
				room := "sessions-" + strings.ReplaceAll(source.String(), ":", "-") + "-" + strconv.Itoa(n)
				a.post(ctx, client, source, http.MethodPost, "frames", opened.Session, `{"type":"join","id":1,"room":"`+room+`"}`)
			case 2: // joined, and deleted
				a.post(ctx, client, source, http.MethodPost, "frames", opened.Session, `{"type":"join","id":1,"room":"s"}`)
				a.post(ctx, client, source, http.MethodDelete, "sessions", opened.Session, "")
			case 3: // joined, and the events requested but not read
				a.post(ctx, client, source, http.MethodPost, "frames", opened.Session, `{"type":"join","id":1,"room":"s"}`)
				a.unread(ctx, source, opened.Session)
			default: // abandoned at once
			}
		}
	})
}

// unread requests the events of a session, and reads none.
func (a *attacker) unread(ctx context.Context, source netip.Addr, session string) {
	c, err := a.dial(ctx, source, a.ports.http)
	if err != nil {
		return
	}
	defer c.end()
	_, err = io.WriteString(c, "GET /api/v1/events HTTP/1.1\r\nHost: "+c.RemoteAddr().String()+"\r\nAuthorization: Bearer "+session+"\r\n\r\n")
	if err == nil {
		pause(ctx, stay)
	}
}

func (a *attacker) http(source netip.Addr) *http.Client {
	dialer := net.Dialer{Timeout: dialWait, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))}
	return &http.Client{Timeout: 5 * dialWait, Transport: &http.Transport{DialContext: dialer.DialContext}}
}

func (a *attacker) post(ctx context.Context, client *http.Client, source netip.Addr, method, path, session, body string) (string, bool) {
	a.tried.Add(1)
	request, err := http.NewRequestWithContext(ctx, method, "http://"+a.server(source, a.ports.http)+"/api/v1/"+path, strings.NewReader(body))
	if err != nil {
		return "", false
	}
	if session != "" {
		request.Header.Set("Authorization", "Bearer "+session)
	}
	response, err := client.Do(request)
	if err != nil {
		return "", false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostRead))
	return string(text), err == nil && response.StatusCode < http.StatusMultipleChoices
}
