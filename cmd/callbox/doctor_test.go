package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"callbox/doctor"
	"callbox/signaling/protocol"
	"callbox/turnserver"
)

// diagnosis is a report of callbox doctor, and its exit code.
type diagnosis struct {
	doctor.Report
	code int
}

// diagnose runs callbox doctor in a process of its own, because the authorities that it trusts are in its
// environment.
func diagnose(t *testing.T, trusted, url string, flags ...string) *diagnosis {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, binary, append([]string{"doctor", url, "--json"}, flags...)...)
	command.Env = append(os.Environ(), "SSL_CERT_FILE="+trusted, "SSL_CERT_DIR=/nonexistent")
	var errOut bytes.Buffer
	command.Stderr = &errOut
	begun := time.Now()
	out, err := command.Output()
	if took := time.Since(begun); took > doctor.MaxTime+2*time.Second {
		t.Errorf("it took %v", took)
	}
	d := &diagnosis{code: command.ProcessState.ExitCode()}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &d.Report); err != nil {
		t.Fatalf("%v in %s\n%s", err, out, &errOut)
	}
	return d
}

// want checks that the faults are exactly these, each with its level, and the exit code.
func (d *diagnosis) want(t *testing.T, code int, faults map[doctor.Code]doctor.Level) {
	t.Helper()
	got := map[doctor.Code]doctor.Level{}
	for _, f := range d.Findings {
		if f.Code != "" && !slices.Contains(unremarkable, f.Code) {
			got[f.Code] = f.Level
		}
		if f.Level != doctor.OK && f.Level != doctor.Skipped && (f.What == "" || f.Do == "") {
			t.Errorf("%s says neither what nor what to do: %+v", f.Check, f)
		}
	}
	for code, level := range faults {
		if got[code] != level {
			t.Errorf("%s is %q, want %q", code, got[code], level)
		}
	}
	for code, level := range got {
		if faults[code] == "" {
			t.Errorf("%s (%s) was found, which nobody made", code, level)
		}
	}
	if d.code != code {
		t.Errorf("exit code %d, want %d", d.code, code)
	}
	if t.Failed() {
		t.Logf("%+v", d.Findings)
	}
}

// unremarkable are the codes of what a server on loopback without a certificate cannot have.
var unremarkable = []doctor.Code{doctor.NotFound, doctor.LocalAuthority, doctor.NotOffered, doctor.NotPossible}

// healthy is what a server has on which nothing is wrong.
var healthy = map[doctor.Code]doctor.Level{}

// spoiler is a proxy in front of a server that does something wrong.
type spoiler struct {
	noUpgrade, noHost, holdsEvents bool
	shift                          time.Duration    // of the time that the server tells
	ttl                            time.Duration    // of a credential that another machine has signed
	secret                         string           // with which it does so; "" = the server's own credential
	certificate                    *tls.Certificate // nil = plain HTTP
}

// before starts the proxy and returns its address.
func (p spoiler) before(t *testing.T, server string) string {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, ModifyResponse: p.modify, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		if !p.noHost {
			r.Out.Host = r.In.Host
		}
	}}
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.noUpgrade {
			r.Header.Del("Upgrade")
			r.Header.Del("Connection")
		}
		if p.holdsEvents && strings.HasSuffix(r.URL.Path, "/events") {
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	front.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	if p.certificate == nil {
		front.Start()
	} else {
		front.TLS = &tls.Config{Certificates: []tls.Certificate{*p.certificate}, MinVersion: tls.VersionTLS12}
		front.StartTLS()
	}
	t.Cleanup(front.Close)
	return front.URL
}

func (p spoiler) modify(r *http.Response) error {
	r.Header.Set("Date", time.Now().Add(p.shift).UTC().Format(http.TimeFormat))
	if p.secret == "" || !strings.HasSuffix(r.Request.URL.Path, "/check") || r.StatusCode != http.StatusOK {
		return nil
	}
	var answer map[string]any
	var servers struct{ ICEServers []protocol.ICEServer }
	body, err := io.ReadAll(r.Body)
	err = errors.Join(err, r.Body.Close(), json.Unmarshal(body, &answer), json.Unmarshal(body, &servers))
	for i := range servers.ICEServers {
		if server := &servers.ICEServers[i]; server.Username != "" {
			server.Username, server.Credential = turnserver.SignCredential([]byte(p.secret), "x", time.Now().Add(p.ttl))
		}
	}
	answer["iceServers"] = servers.ICEServers
	body, failed := json.Marshal(answer)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Del("Content-Length")
	return errors.Join(err, failed)
}

// TestDoctorHealthy checks a server over HTTPS with a certificate that is trusted: everything works.
func TestDoctorHealthy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeCertificate(t, dir+"/c", dir+"/k", "localhost")
	s := start(t, "--tls-cert", dir+"/c", "--tls-key", dir+"/k")
	d := diagnose(t, dir+"/c.ca", strings.Replace(s.ready.HTTPS, "127.0.0.1", "localhost", 1))
	d.want(t, exitOK, healthy)
	if !d.Complete || d.Result != doctor.OK || d.Schema != doctor.Schema {
		t.Errorf("%+v", d.Report)
	}
	for _, check := range []doctor.Check{
		doctor.Server, doctor.Certificate, doctor.Origin, doctor.WebSocket, doctor.PlainHTTP, doctor.Clock, doctor.Credentials, doctor.Address,
		doctor.UDP, doctor.STUN, doctor.Mapping, doctor.RelayUDP, doctor.RelayTCP, doctor.RelayTLS, doctor.MTU,
	} {
		if f := d.Finding(check); f == nil || f.Level != doctor.OK {
			t.Errorf("%s: %+v", check, f)
		}
	}
	if f := d.Finding(doctor.Mapping); f.Value != doctor.NoNAT {
		t.Errorf("mapping: %+v", f)
	}
	eventually(t, func() error {
		if text := s.get(t, s.ready.Admin+"/relays").body; strings.Contains(text, "check-") {
			return errors.New("relays are left: " + text)
		}
		return nil
	})
}

// TestDoctorProxies checks servers behind proxies that each do something wrong.
func TestDoctorProxies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		proxy  spoiler
		flags  []string
		code   int
		faults map[doctor.Code]doctor.Level
	}{
		"nothing wrong":     {spoiler{}, nil, exitOK, healthy},
		"WebSocket":         {spoiler{noUpgrade: true}, nil, exitOK, map[doctor.Code]doctor.Level{doctor.WebSocketBroken: doctor.Warn}},
		"events":            {spoiler{holdsEvents: true}, nil, exitOK, map[doctor.Code]doctor.Level{doctor.PlainHTTPBroken: doctor.Warn}},
		"both":              {spoiler{noUpgrade: true, holdsEvents: true}, nil, exitFailed, map[doctor.Code]doctor.Level{doctor.WebSocketBroken: doctor.Fail, doctor.PlainHTTPBroken: doctor.Fail}},
		"host":              {spoiler{noHost: true}, nil, exitFailed, map[doctor.Code]doctor.Level{doctor.OriginRefused: doctor.Fail}},
		"host and upgrade":  {spoiler{noHost: true, noUpgrade: true}, nil, exitFailed, map[doctor.Code]doctor.Level{doctor.OriginRefused: doctor.Fail, doctor.WebSocketBroken: doctor.Warn}},
		"origin":            {spoiler{}, []string{"--origin", "https://evil.example"}, exitFailed, map[doctor.Code]doctor.Level{doctor.OriginRefused: doctor.Fail}},
		"allowed origin":    {spoiler{}, []string{"--origin", "https://site.example"}, exitOK, healthy},
		"clock":             {spoiler{shift: -2 * time.Minute}, nil, exitOK, map[doctor.Code]doctor.Level{doctor.ClockWrong: doctor.Warn}},
		"clock near enough": {spoiler{shift: -10 * time.Second}, nil, exitOK, healthy},
		"clock and events":  {spoiler{shift: time.Hour, holdsEvents: true}, nil, exitOK, map[doctor.Code]doctor.Level{doctor.ClockWrong: doctor.Warn, doctor.PlainHTTPBroken: doctor.Warn}},
		"expired credential": {
			spoiler{ttl: -time.Minute, secret: turnSecret},
			nil, exitFailed,
			map[doctor.Code]doctor.Level{doctor.CredentialExpired: doctor.Fail},
		},
		"another secret": {
			spoiler{ttl: time.Minute, secret: turnSecret + "x"},
			nil, exitFailed,
			map[doctor.Code]doctor.Level{doctor.CredentialRefused: doctor.Fail},
		},
		"credential of the same secret": {spoiler{ttl: time.Minute, secret: turnSecret}, []string{"--insecure"}, exitOK, healthy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := []string{"--allow-origin", "https://site.example", "--turn-secret", turnSecret, "--turn-allow-peer", "127.0.0.1"}
			if c.proxy != (spoiler{}) && c.proxy.secret == "" {
				flags = withoutTURN // It takes a second to send packets through relays, which a proxy has nothing to do with.
			}
			diagnose(t, os.DevNull, c.proxy.before(t, start(t, flags...).ready.HTTP), c.flags...).want(t, c.code, c.faults)
		})
	}
}

// withoutTURN are the flags of a server without relays.
var withoutTURN = []string{"--https", "", "--turn-udp", "", "--turn-tcp", "", "--turn-tls", ""}

const turnSecret = "a secret of tests that is long enough"
