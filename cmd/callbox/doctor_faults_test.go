package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callbox/doctor"
)

// TestDoctorCertificates checks a server behind a proxy with certificates of all kinds.
func TestDoctorCertificates(t *testing.T) {
	t.Parallel()
	now := time.Now()
	const year = 365 * 24 * time.Hour
	for name, c := range map[string]struct {
		names     []string
		from, to  time.Time
		untrusted bool
		proxy     spoiler
		flags     []string
		code      int
		faults    map[doctor.Code]doctor.Level
	}{
		"good":            {names: []string{"localhost"}, from: now.Add(-year), to: now.Add(year), faults: healthy},
		"expired":         {names: []string{"localhost"}, from: now.Add(-year), to: now.Add(-time.Hour), code: exitFailed, faults: map[doctor.Code]doctor.Level{doctor.CertificateExpired: doctor.Fail}},
		"expires soon":    {names: []string{"localhost"}, from: now.Add(-year), to: now.Add(48 * time.Hour), faults: map[doctor.Code]doctor.Level{doctor.CertificateExpired: doctor.Warn}},
		"not yet":         {names: []string{"localhost"}, from: now.Add(time.Hour), to: now.Add(year), code: exitFailed, faults: map[doctor.Code]doctor.Level{doctor.CertificateNotYet: doctor.Fail}},
		"of another name": {names: []string{"call.example"}, from: now.Add(-year), to: now.Add(year), code: exitFailed, faults: map[doctor.Code]doctor.Level{doctor.CertificateName: doctor.Fail}},
		"of a stranger":   {names: []string{"localhost"}, from: now.Add(-year), to: now.Add(year), untrusted: true, code: exitFailed, faults: map[doctor.Code]doctor.Level{doctor.CertificateUntrusted: doctor.Fail}},
		"of a stranger, and the user does not mind": {
			names: []string{"localhost"}, from: now.Add(-year), to: now.Add(year), untrusted: true, flags: []string{"--insecure"},
			faults: map[doctor.Code]doctor.Level{doctor.CertificateUntrusted: doctor.Warn},
		},
		"expired, and no WebSocket": {
			names: []string{"localhost"}, from: now.Add(-year), to: now.Add(-time.Hour), proxy: spoiler{noUpgrade: true}, code: exitFailed,
			faults: map[doctor.Code]doctor.Level{doctor.CertificateExpired: doctor.Fail, doctor.WebSocketBroken: doctor.Warn},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certificate, authority := issue(t, c.names, c.from, c.to)
			if c.untrusted {
				authority = os.DevNull
			}
			c.proxy.certificate = &certificate
			at := strings.Replace(c.proxy.before(t, start(t, withoutTURN...).ready.HTTP), "127.0.0.1", "localhost", 1)
			diagnose(t, authority, at, c.flags...).want(t, c.code, c.faults)
		})
	}
}

// issue makes a certificate for names, and a file with the authority that has signed it.
func issue(t *testing.T, names []string, from, to time.Time) (leaf tls.Certificate, authority string) {
	t.Helper()
	sign := func(template, parent *x509.Certificate, by *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if by == nil {
			by = key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		return der, key
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of tests"}, NotBefore: time.Now().AddDate(-2, 0, 0), NotAfter: time.Now().AddDate(2, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, caKey := sign(ca, ca, nil)
	parent, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	der, key := sign(&x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: names, NotBefore: from, NotAfter: to}, parent, caKey)
	authority = filepath.Join(t.TempDir(), "ca.crt")
	writeFile(t, authority, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, authority
}

// TestDoctorLocalAuthority checks a server that signs its certificate itself: with a warning, and without
// TURN over TLS, unless its authority is trusted.
func TestDoctorLocalAuthority(t *testing.T) {
	t.Parallel()
	s := start(t)
	d := diagnose(t, os.DevNull, s.ready.HTTPS)
	d.want(t, exitOK, map[doctor.Code]doctor.Level{doctor.CertificateUntrusted: doctor.Warn})
	if f := d.Finding(doctor.RelayTLS); f.Level != doctor.Skipped || f.Code != doctor.LocalAuthority {
		t.Errorf("%+v", f)
	}
	d = diagnose(t, filepath.Join(s.data, "cert", "ca.crt"), s.ready.HTTPS)
	d.want(t, exitOK, healthy)
	if f := d.Finding(doctor.RelayTLS); f.Level != doctor.OK {
		t.Errorf("%+v", f)
	}
}

// TestDoctorAddress checks servers that advertise an address that does not respond.
func TestDoctorAddress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		public string
		proxy  spoiler
		code   int
		faults map[doctor.Code]doctor.Level
	}{
		"right":                   {"127.0.0.1", spoiler{}, exitOK, healthy},
		"wrong":                   {"127.0.0.99", spoiler{}, exitFailed, map[doctor.Code]doctor.Level{doctor.AddressWrong: doctor.Fail}},
		"wrong, and no WebSocket": {"127.0.0.99", spoiler{noUpgrade: true}, exitFailed, map[doctor.Code]doctor.Level{doctor.AddressWrong: doctor.Fail, doctor.WebSocketBroken: doctor.Warn}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "--public-ip", c.public, "--relay-ip", "127.0.0.1", "--https", "", "--turn-tls", "")
			diagnose(t, os.DevNull, c.proxy.before(t, s.ready.HTTP)).want(t, c.code, c.faults)
		})
	}
}

// TestDoctorToken checks a server that requires a token.
func TestDoctorToken(t *testing.T) {
	t.Parallel()
	s := start(t, "--join-secret", stored)
	code, token, stderr := runToEnd(t, noEnv, "token", "--room", "room", "--data", s.data)
	if code != exitOK {
		t.Fatal(stderr)
	}
	file := filepath.Join(t.TempDir(), "token")
	writeFile(t, file, token)
	token = strings.TrimSpace(token)
	none := diagnose(t, os.DevNull, s.ready.HTTP)
	none.want(t, exitOK, map[doctor.Code]doctor.Level{doctor.TokenMissing: doctor.Skipped})
	if f := none.Finding(doctor.Credentials); none.Complete || !strings.Contains(f.What, "Not checked: UDP, STUN") || !strings.Contains(f.Do, "--token") {
		t.Errorf("%+v", none)
	}
	diagnose(t, os.DevNull, s.ready.HTTP, "--token", "rubbish").want(t, exitFailed, map[doctor.Code]doctor.Level{doctor.TokenRefused: doctor.Fail})
	withheld := map[doctor.Code]doctor.Level{doctor.TokenWithheld: doctor.Skipped, doctor.CertificateUntrusted: doctor.Fail}
	diagnose(t, os.DevNull, s.ready.HTTPS, "--token", token).want(t, exitFailed, withheld)
	if d := diagnose(t, os.DevNull, s.ready.HTTP, "--token", "@"+file); d.code != exitOK || !d.Complete {
		t.Errorf("%+v", d)
	}
}

// TestDoctorRelays checks servers whose relays do not work.
func TestDoctorRelays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flags  []string
		code   int
		faults map[doctor.Code]doctor.Level
	}{
		"one relay for each user": {[]string{"--turn-user-quota", "1"}, exitOK, map[doctor.Code]doctor.Level{doctor.RelayQuota: doctor.Warn}},
		"two relays":              {[]string{"--turn-user-quota", "2"}, exitOK, healthy},
		"no TURN":                 {withoutTURN, exitOK, healthy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, append([]string{"--https", ""}, c.flags...)...)
			diagnose(t, os.DevNull, s.ready.HTTP).want(t, c.code, c.faults)
		})
	}
}

// TestDoctorUnreachable checks addresses at which there is no callbox server.
func TestDoctorUnreachable(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	s := start(t)
	named := strings.Replace(s.ready.HTTP, "127.0.0.1", "call.localhost", 1)
	for at, code := range map[string]doctor.Code{
		nobody:             doctor.ServerUnreachable,
		"http://x.invalid": doctor.ServerNameUnknown,
		strings.Replace(s.ready.HTTP, "http:", "https:", 1): doctor.ServerWithoutTLS,
		s.ready.Admin:         doctor.NotCallbox,
		s.ready.HTTP + "/x/y": doctor.NotCallbox,
		named:                 doctor.HostRefused,
	} {
		if strings.Contains(at, "call.localhost") && !resolves("call.localhost") {
			continue
		}
		diagnose(t, os.DevNull, at).want(t, exitFailed, map[doctor.Code]doctor.Level{code: doctor.Fail})
	}
}

func resolves(name string) bool {
	_, err := net.LookupHost(name)
	return err == nil
}

// TestDoctorUsage checks wrong arguments.
func TestDoctorUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"call.example"}, {"ftp://call.example"}, {"http://a", "b"}, {"http://127.0.0.1:1", "--token", "@/nonexistent"}} {
		if code, _, stderr := runToEnd(t, noEnv, append([]string{"doctor"}, args...)...); code != exitUsage || stderr == "" {
			t.Errorf("%q: exit code %d\n%s", args, code, stderr)
		}
	}
}

// TestDoctorWords checks what a person reads.
func TestDoctorWords(t *testing.T) {
	t.Parallel()
	s := start(t)
	code, stdout, stderr := runToEnd(t, noEnv, "doctor", spoiler{noUpgrade: true}.before(t, s.ready.HTTP))
	for _, want := range []string{"ok    STUN over UDP: Answered in", "warn  WebSocket: Blocked. A proxy", "Calls use plain HTTP instead.", "ok    Relay over TCP: Works. Round trip", "\nCalls work from here."} {
		if !strings.Contains(stdout, want) {
			t.Errorf("does not say %q:\n%s", want, stdout)
		}
	}
	if code != exitOK || stderr != "" {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}
