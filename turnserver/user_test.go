package turnserver_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"

	"callbox/turnserver"
)

const annPassword = "a password of ann's"

// annAndBo are fixed users, bo with a key made by coturn's turnadmin -k.
func annAndBo() []turnserver.User {
	return []turnserver.User{
		{Name: "ann", Password: annPassword},
		{Name: "bo", Key: turn.GenerateAuthKey("bo", turnserver.DefaultRealm, "a password of bo's")},
	}
}

func withUsers(c *turnserver.Config) { c.Users = annAndBo() }

func (c *rawClient) allocateCode(t *testing.T) stun.ErrorCode {
	t.Helper()
	return errorCode(c.request(t, stun.MethodAllocate, requestedTransport(17)))
}

// rawFrom returns a raw client with any credential at another address of loopback.
func (s *setup) rawFrom(t *testing.T, address, username, password string) *rawClient {
	t.Helper()
	c := &rawClient{conn: listenUDP(t, address), server: s.udp.LocalAddr(), realm: turnserver.DefaultRealm, username: username, password: password}
	c.challenge(t)
	return c
}

func TestParseUser(t *testing.T) {
	key := hex.EncodeToString(annAndBo()[1].Key)
	for text, want := range map[string]turnserver.User{
		"ann:" + annPassword:             {Name: "ann", Password: annPassword},
		"ann:a:b":                        {Name: "ann", Password: "a:b"},
		"1700ann:x":                      {Name: "1700ann", Password: "x"},
		"bo:0x" + key:                    {Name: "bo", Key: annAndBo()[1].Key},
		"bo:0x" + strings.ToUpper(key):   {Name: "bo", Key: annAndBo()[1].Key},
		"bo:0X" + key:                    {Name: "bo", Password: "0X" + key},
		"sip:x":                          {Name: "sip", Password: "x"},
		"ann@example.org:hidden#;\" and": {Name: "ann@example.org", Password: "hidden#;\" and"},
		"Zoë:ß":                          {Name: "Zoë", Password: "ß"},
	} {
		got, err := turnserver.ParseUser(text)
		if err != nil || got.Name != want.Name || got.Password != want.Password || string(got.Key) != string(want.Key) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
		if weak := want.Key == nil && len(want.Password) < 16; got.Weak() != weak {
			t.Errorf("%q: weak %v, want %v", text, got.Weak(), weak)
		}
	}
	for _, text := range []string{
		"", "ann", ":hidden", "ann:", "1700000000:hidden", "0:hidden", "1700000000:ann:hidden", "ann:0x", "ann:0xhidden", "ann:0x" + key[1:], "ann:0x" + key + key,
		"an\x00n:hidden", "an\nn:hidden", "\xff:hidden", strings.Repeat("a", 509) + ":hidden",
	} {
		if got, err := turnserver.ParseUser(text); err == nil || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), key[1:]) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

// TestFixedUsers checks users with a password and with a key, with and without others that have
// time-limited credentials.
func TestFixedUsers(t *testing.T) {
	for _, secrets := range [][][]byte{{testSecret()}, nil} {
		s := start(t, func(c *turnserver.Config) {
			withUsers(c)
			c.Secrets = secrets
		})
		for _, protocol := range protocols() {
			allocate(t, s.clientAs(t, protocol, "ann", annPassword))
		}
		s.raw(t, "bo", "a password of bo's").allocate(t)
		wrong := []struct{ username, password string }{
			{"ann", annPassword + "x"},
			{"ann", ""},
			{"bo", annPassword},
			{"cy", annPassword},
			{"Ann", annPassword},
			{"", annPassword},
			{"ann ", annPassword},
			{"1700000000:ann", annPassword},
			{"9999999999:ann", annPassword},
			{"9999999999", annPassword},
			{"bo", hex.EncodeToString(annAndBo()[1].Key)},
		}
		for _, who := range wrong {
			if code := s.raw(t, who.username, who.password).allocateCode(t); code != stun.CodeUnauthorized {
				t.Errorf("%q with a wrong password: %d, want 401", who.username, code)
			}
		}
		username, password := s.server.Credential("ann", time.Minute)
		if (username == "") != (secrets == nil) {
			t.Errorf("with %d secrets the credential is for %q", len(secrets), username)
		}
		if secrets != nil {
			s.raw(t, username, password).allocate(t)
		}
		users := map[string]int{}
		for _, a := range s.server.Allocations() {
			users[a.User]++
		}
		if want := 3 + len(secrets); users["ann"] != want || users["bo"] != 1 {
			t.Errorf("allocations of %v, want %d of ann and 1 of bo", users, want)
		}
		if got := s.server.Kick("ann"); got != 3+len(secrets) {
			t.Errorf("kicked %d", got)
		}
	}
}

func TestFaultsOfUsers(t *testing.T) {
	s := start(t, withUsers)
	for name, users := range map[string][]turnserver.User{
		"number":     {{Name: "17", Password: "x"}},
		"credential": {{Name: "17:ann", Password: "x"}},
		"twice":      append(annAndBo(), turnserver.User{Name: "ann", Password: "y"}),
		"short key":  {{Name: "ann", Key: []byte{1}}},
		"nothing":    {{Name: "ann"}},
	} {
		if err := s.server.SetUsers(users); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := turnserver.New(turnserver.Config{Users: users}); err == nil || !strings.Contains(err.Error(), "user") {
			t.Errorf("%s at the start: %v", name, err)
		}
	}
	s.raw(t, "ann", annPassword).allocate(t)
}

// TestUsersChange checks that the relays of users that are gone or have another password end at once, and
// no others.
func TestUsersChange(t *testing.T) {
	s := start(t, withUsers)
	ann, bo, timed := s.raw(t, "ann", annPassword), s.raw(t, "bo", "a password of bo's"), s.rawAs(t, "ann")
	for _, c := range []*rawClient{ann, bo, timed} {
		c.allocate(t)
	}
	set := func(users ...turnserver.User) {
		t.Helper()
		if err := s.server.SetUsers(users); err != nil {
			t.Fatal(err)
		}
	}
	set(annAndBo()...)
	wantSuccess(t, ann.request(t, stun.MethodRefresh))
	set(annAndBo()[0])
	s.active(t, 2)
	if code := errorCode(bo.request(t, stun.MethodRefresh)); code != stun.CodeUnauthorized {
		t.Errorf("Refresh of a user that is gone: %d, want 401", code)
	}
	wantSuccess(t, ann.request(t, stun.MethodRefresh))
	changed := turnserver.User{Name: "ann", Password: "another password of ann's"}
	set(changed)
	s.active(t, 1)
	if code := s.raw(t, "ann", annPassword).allocateCode(t); code != stun.CodeUnauthorized {
		t.Errorf("with the old password: %d, want 401", code)
	}
	s.raw(t, "ann", changed.Password).allocate(t)
	set()
	s.active(t, 1)
	wantSuccess(t, timed.request(t, stun.MethodRefresh))
	if got := s.server.Snapshot().EndedBy["revoked"]; got != 3 {
		t.Errorf("%d relays revoked, want 3", got)
	}
}

// TestUserGoesWhileAllocating checks that a user that is removed keeps no relay, whenever that happens.
func TestUserGoesWhileAllocating(t *testing.T) {
	s := start(t, withUsers)
	for range 50 {
		if err := s.server.SetUsers(annAndBo()); err != nil {
			t.Fatal(err)
		}
		c := s.raw(t, "ann", annPassword)
		c.send(t, c.signedRequest(stun.MethodAllocate, requestedTransport(17)).Raw)
		if err := s.server.SetUsers(nil); err != nil {
			t.Fatal(err)
		}
		c.packet(t)
		s.active(t, 0)
	}
}

// TestGuessing checks that wrong passwords are limited by the pair of address and name.
func TestGuessing(t *testing.T) {
	var log lines
	clock := newClock()
	s := start(t, func(c *turnserver.Config) {
		withUsers(c)
		c.Now, c.Logger = clock.now, log.logger()
	})
	running := s.raw(t, "ann", annPassword)
	running.allocate(t)
	for range 10 {
		if code := s.raw(t, "ann", "wrong").allocateCode(t); code != stun.CodeUnauthorized {
			t.Fatalf("a wrong password: %d", code)
		}
	}
	if code := s.raw(t, "ann", annPassword).allocateCode(t); code != stun.CodeUnauthorized {
		t.Errorf("the right password after ten wrong ones: %d, want 401", code)
	}
	s.raw(t, "bo", "a password of bo's").allocate(t)
	s.rawFrom(t, "127.0.0.2:0", "ann", annPassword).allocate(t)
	s.rawAs(t, "ann").allocate(t)
	wantSuccess(t, running.request(t, stun.MethodRefresh))
	if got := s.server.Snapshot().AuthFailuresBy; got["guessing"] != 1 || got["signature"] != 10 {
		t.Errorf("failures %v", got)
	}
	clock.advance(10 * time.Second)
	s.raw(t, "ann", annPassword).allocate(t)
	told := 0
	for _, line := range log.with("request refused") {
		if line["cause"] == "guessing" && line["user"] == "ann" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("guessing is told of %d times, want once: %v", told, log.with("request refused"))
	}
}

// TestFixedQuota checks that the relays of a fixed user are counted apart from those of others.
func TestFixedQuota(t *testing.T) {
	s := start(t, func(c *turnserver.Config) {
		withUsers(c)
		c.Limits = turnserver.Limits{UserAllocations: 1, FixedAllocations: 3}
	})
	for range 3 {
		s.raw(t, "ann", annPassword).allocate(t)
	}
	if code := s.raw(t, "ann", annPassword).allocateCode(t); code != stun.CodeAllocQuotaReached {
		t.Errorf("the fourth relay: %d, want 486", code)
	}
	s.rawAs(t, "ann").allocate(t)
	if code := s.rawAs(t, "ann").allocateCode(t); code != stun.CodeAllocQuotaReached {
		t.Errorf("the second relay with a time-limited credential: %d, want 486", code)
	}
	s.raw(t, "bo", "a password of bo's").allocate(t)
}

// timeAlone returns a credential whose user name is only the expiry, as Prosody makes them.
func timeAlone(end time.Time) (username, password string) {
	username = strconv.FormatInt(end.Unix(), 10)
	mac := hmac.New(sha1.New, testSecret())
	mac.Write([]byte(username))
	return username, base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// TestTimeAloneIsNoUser checks that people who got such credentials in the same second do not share the
// limits of one user.
func TestTimeAloneIsNoUser(t *testing.T) {
	s := start(t, func(c *turnserver.Config) {
		allowLoopback(c)
		c.Limits = turnserver.Limits{UserAllocations: 2, AddressAllocations: 5, UserBytes: 1} // 65,535 bytes, and hardly more
	})
	username, password := timeAlone(time.Now().Add(time.Minute))
	var clients []bound
	for range 5 {
		b := bound{rawClient: s.raw(t, username, password), peer: listenUDP(t, "127.0.0.1:0")}
		b.relayed = net.UDPAddrFromAddrPort(b.allocate(t))
		b.bind(t, 0x4000, xorPeer{addrPortOf(b.peer.LocalAddr())})
		clients = append(clients, b)
	}
	if code := s.raw(t, username, password).allocateCode(t); code != stun.CodeAllocQuotaReached {
		t.Errorf("more than the address may have: %d, want 486", code)
	}
	for _, b := range clients[:2] {
		b.flood(t, s, 60, 0)
	}
	if got := s.server.Snapshot(); got.Drops["user_rate"] != 0 || got.ToPeers.Packets != 120 {
		t.Errorf("relayed %d, dropped %v", got.ToPeers.Packets, got.Drops)
	}
	clients[0].flood(t, s, 10, 0)
	if got := s.server.Snapshot().Drops["user_rate"]; got != 5 {
		t.Errorf("dropped %d of one relay, want 5", got)
	}
	if got := s.server.Kick(username); got != 5 {
		t.Errorf("kicked %d, want 5", got)
	}
}
