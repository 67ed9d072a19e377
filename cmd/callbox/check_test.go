package main

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver/limit"
)

// check asks for a check of the connection.
func (r *running) check(t *testing.T, base, method string, header http.Header) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, base+checkPath, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	return r.do(t, request)
}

func decodeCheck(t *testing.T, a answer) checkAnswer {
	t.Helper()
	var answer checkAnswer
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil || a.status != http.StatusOK {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return answer
}

// codeOf returns the code of an error.
func codeOf(t *testing.T, a answer) string {
	t.Helper()
	var fault struct{ Code, Message string }
	if err := json.Unmarshal([]byte(a.body), &fault); err != nil || fault.Message == "" {
		t.Errorf("%d %s: %v", a.status, a.body, err)
	}
	return fault.Code
}

func TestCheck(t *testing.T) {
	t.Parallel()
	r := start(t)
	reply := r.check(t, r.ready.HTTPS, http.MethodPost, http.Header{"Origin": {r.ready.HTTPS}})
	got := decodeCheck(t, reply)
	if !got.LocalAuthority || got.ICETTL != 60 || len(got.ICEServers) != 2 || len(got.ICEServers[1].URLs) != 3 {
		t.Errorf("got %+v", got)
	}
	if reply.header.Get("Cache-Control") != "no-store" || reply.header.Get("Date") == "" || reply.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("headers %v", reply.header)
	}
	if !strings.HasPrefix(r.ready.STUN, "udp://127.0.0.1:") {
		t.Fatalf("ready line %+v", r.ready)
	}
	second := strings.TrimPrefix(r.ready.STUN, "udp://")
	if len(got.Mapping) != 2 || got.Mapping[0] != got.ICEServers[0].URLs[0] || got.Mapping[1] != "stun:"+second {
		t.Errorf("mapping %v, want the first STUN URI and %s", got.Mapping, second)
	}
	for _, server := range r.join(t, r.ready.HTTPS, "room").ICEServers {
		if strings.Contains(strings.Join(server.URLs, " "), second) {
			t.Errorf("a call is told of the second port: %v", server.URLs)
		}
	}
	conn := r.dialTURN(t, "udp", second)
	defer conn.Close()
	request := stun.MustBuild(stun.TransactionID, stun.BindingRequest)
	if _, err := conn.WriteTo(request.Raw, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(second))); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1500)
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	n, _, err := conn.ReadFrom(buffer)
	response := &stun.Message{}
	if err == nil {
		err = stun.Decode(buffer[:n], response)
	}
	if err != nil || response.Type != stun.BindingSuccess {
		t.Errorf("the second port answers %v, %v", response, err)
	}

	server := got.ICEServers[1]
	for _, transport := range []string{"udp", "tcp", "tls"} {
		r.allocate(t, transport, r.at(t, transport), server)
	}
	if relays := r.relays(t, ""); len(relays) != 3 || !strings.HasPrefix(relays[0].User, "check-") || relays[0].Expires.After(time.Now().Add(time.Minute)) {
		t.Errorf("relays %+v", relays)
	}
	r.wantMetric(t, `callbox_checks_total{result="made"} 1`)
}

// An address has six checks, and then one every ten seconds. Others are not affected.
func TestChecksOfAnAddress(t *testing.T) {
	t.Parallel()
	r := start(t, "--trusted-proxy", "127.0.0.1")
	from := func(address string) answer {
		t.Helper()
		return r.check(t, r.ready.HTTP, http.MethodPost, http.Header{"X-Forwarded-For": {address}})
	}
	for range 6 {
		decodeCheck(t, from("192.0.2.1"))
	}
	refused := from("192.0.2.1")
	if refused.status != http.StatusTooManyRequests || refused.header.Get("Retry-After") != "10" || codeOf(t, refused) != "rate_limited" {
		t.Errorf("the seventh: %+v", refused)
	}
	decodeCheck(t, from("192.0.2.2"))
	r.wantMetric(t, `callbox_checks_total{result="rate_limited"} 1`)
}

// The limit gives one more check every ten seconds.
func TestCheckRate(t *testing.T) {
	t.Parallel()
	checks := newChecks(&server{})
	client := ips("192.0.2.1")[0]
	given := 0
	for at := time.Duration(0); at < time.Hour; at += time.Second {
		if checks.limit.Take(int64(at), client) {
			given++
		}
	}
	if want := checkBurst + 360 - 1; given < want || given > want+1 {
		t.Errorf("%d checks in an hour, want %d", given, want)
	}
}

// Only the server's own page may ask, and programs that are no page.
func TestCheckOrigins(t *testing.T) {
	t.Parallel()
	r := start(t, "--allow-origin", "https://friend.example")
	for _, origin := range []string{"https://friend.example", "https://foe.example", "null", r.ready.HTTPS + ".example"} {
		got := r.check(t, r.ready.HTTP, http.MethodPost, http.Header{"Origin": {origin}})
		if got.status != http.StatusForbidden || codeOf(t, got) != "forbidden_origin" || got.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %+v", origin, got)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodOptions} {
		got := r.check(t, r.ready.HTTP, method, nil)
		if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != http.MethodPost || codeOf(t, got) != "bad_method" {
			t.Errorf("%s: %+v", method, got)
		}
	}
	// What was refused so far was not counted.
	for range 6 {
		decodeCheck(t, r.check(t, r.ready.HTTP, http.MethodPost, http.Header{"Origin": {r.ready.HTTP}}))
	}
}

// Where joins need a token, so does a check, for whatever room.
func TestCheckToken(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s", 32)
	r := start(t, "--join-secret", secret, "--trusted-proxy", "127.0.0.1")
	sign := func(key string, end time.Duration) string {
		t.Helper()
		token, err := signJoinToken([]byte(key), "a-room", "", time.Now().Add(end))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	with := func(authorization string) answer {
		t.Helper()
		return r.check(t, r.ready.HTTP, http.MethodPost, http.Header{"Authorization": {authorization}, "X-Forwarded-For": {"192.0.2.1"}})
	}
	for name, authorization := range map[string]string{
		"none": "", "expired": "Bearer " + sign(secret, -time.Hour), "foreign": "Bearer " + sign(strings.Repeat("x", 32), time.Hour),
		"no bearer": "Basic " + sign(secret, time.Hour),
	} {
		if got := with(authorization); got.status != http.StatusUnauthorized || codeOf(t, got) != "unauthorized" || strings.Contains(got.body, "iceServers") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	decodeCheck(t, with("bearer "+sign(secret, time.Hour)))
	// Wrong tokens count as checks, so that they are tried no oftener.
	decodeCheck(t, with("Bearer "+sign(secret, time.Hour)))
	if got := with(""); got.status != http.StatusTooManyRequests {
		t.Errorf("the seventh: %d, want 429", got.status)
	}
	r.wantMetric(t, `callbox_checks_total{result="unauthorized"} 4`)
}

func TestCheckWithoutTURN(t *testing.T) {
	t.Parallel()
	r := start(t, "--turn-udp=", "--turn-tcp=", "--turn-tls=")
	if got := r.check(t, r.ready.HTTP, http.MethodPost, nil); !strings.Contains(got.body, `"iceServers":[]`) || !strings.Contains(got.body, `"mapping":[]`) {
		t.Errorf("without TURN: %+v", got)
	}
	r = start(t, "--stun-udp=")
	if got := decodeCheck(t, r.check(t, r.ready.HTTP, http.MethodPost, nil)); len(got.Mapping) != 0 || len(got.ICEServers) != 2 || r.ready.STUN != "" {
		t.Errorf("without a second port: %+v", got)
	}
}

// Whatever a request says of itself, it gets an error that a page can read unless its token is valid.
func FuzzCheckRequest(f *testing.F) {
	secret := []byte(strings.Repeat("s", 32))
	token, err := signJoinToken(secret, anyRoom, "", time.Now().Add(1000*time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("POST", "", "Bearer "+token)
	f.Add("POST", "http://callbox.example", "bearer  "+token)
	f.Add("POST", "https://foe.example", "Bearer "+token)
	f.Add("GET", "null", "Bearer a.b.c")
	f.Add("POST", "", "Basic "+token)
	joins, err := newJoinTokens([][]byte{secret}, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	s := &server{joins: joins}
	s.log = slog.New(slog.DiscardHandler)
	checks := newChecks(s)
	checks.limit = limit.NewSlowSources(time.Nanosecond, 1<<20)
	f.Fuzz(func(t *testing.T, method, origin, authorization string) {
		r := httptest.NewRequest(http.MethodPost, "http://callbox.example"+checkPath, http.NoBody)
		r.Method = method
		r.Header = http.Header{"Authorization": {authorization}}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		checks.ServeHTTP(w, r)
		var body map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
		_, isAnswer := body["iceServers"]
		valid := joins.verify(bearerToken(r)) == nil && method == http.MethodPost
		if isAnswer != (w.Code == http.StatusOK) || isAnswer && !valid {
			t.Errorf("%s with %q from %q: %d %s", method, authorization, origin, w.Code, w.Body)
		}
	})
}
