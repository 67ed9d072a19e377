package turnserver_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

// exchangeRaw sends bytes and returns the next response, or nil when the server answers a later request
// first.
func (c *rawClient) exchangeRaw(t *testing.T, packet []byte) *stun.Message {
	t.Helper()
	c.send(t, packet)
	barrier := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodRefresh, stun.ClassRequest))
	c.send(t, barrier.Raw)
	var found *stun.Message
	for {
		answer := c.receive(t)
		if answer.TransactionID == barrier.TransactionID {
			return found
		}
		found = answer
	}
}

func (c *rawClient) receive(t *testing.T) *stun.Message {
	t.Helper()
	answer := &stun.Message{}
	if err := stun.Decode(c.packet(t), answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func lifetimeOf(t *testing.T, m *stun.Message) time.Duration {
	t.Helper()
	value, err := m.Get(stun.AttrLifetime)
	if err != nil || len(value) != 4 {
		t.Fatalf("%s: lifetime % x, %v", m.Type, value, err)
	}
	return time.Duration(binary.BigEndian.Uint32(value)) * time.Second
}

// RFC 8489 section 9.2.4: the response to a request without a valid credential.
func TestChallenges(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	request := func(setters ...stun.Setter) []byte {
		return stun.MustBuild(append([]stun.Setter{stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), requestedTransport(17)}, setters...)...).Raw
	}
	name, realm := stun.NewUsername(c.username), stun.NewRealm(c.realm)
	other := s.rawAs(t, "ann") // another port, and so another nonce
	for what, test := range map[string]struct {
		packet []byte
		code   stun.ErrorCode
	}{
		"unsigned":             {request(), 401},
		"named and unsigned":   {request(name, realm, c.nonce), 401},
		"no username":          {request(realm, c.nonce, c.key()), 400},
		"no realm":             {request(name, c.nonce, c.key()), 400},
		"no nonce":             {request(name, realm, c.key()), 400},
		"another's nonce":      {request(name, realm, other.nonce, c.key()), 438},
		"invented nonce":       {request(name, realm, stun.NewNonce("AAAAAAAAAAAAAAAAAAAAAA"), c.key()), 438},
		"wrong key":            {request(name, realm, c.nonce, stun.MessageIntegrity("key")), 401},
		"unknown user":         {request(stun.NewUsername("nobody"), realm, c.nonce, c.key()), 401},
		"foreign realm":        {request(name, stun.NewRealm("elsewhere"), c.nonce, c.key()), 401},
		"credential behind it": {request(stun.MessageIntegrity("key"), name, realm, c.nonce), 400},
	} {
		answer := c.exchangeRaw(t, test.packet)
		if answer == nil || errorCode(answer) != test.code || answer.Type != stun.NewType(stun.MethodAllocate, stun.ClassErrorResponse) {
			t.Errorf("%s: answer %v, want %d", what, answer, test.code)
			continue
		}
		var nonce stun.Nonce
		var realm stun.Realm
		challenged := nonce.GetFrom(answer) == nil && realm.GetFrom(answer) == nil && realm.String() == turnserver.DefaultRealm
		if want := test.code == 401 || test.code == 438; challenged != want {
			t.Errorf("%s: NONCE and REALM %t, want %t", what, challenged, want)
		}
		if len(answer.Raw) > 4*len(test.packet) || answer.Contains(stun.AttrMessageIntegrity) || answer.Contains(stun.AttrUsername) || answer.Contains(stun.AttrSoftware) {
			t.Errorf("%s: answer %s", what, answer)
		}
	}
	// A stale nonce is made good by the one in the answer.
	c.nonce = other.nonce
	if err := c.nonce.GetFrom(c.request(t, stun.MethodAllocate)); err != nil {
		t.Fatal(err)
	}
	c.allocate(t)
	if got := s.server.Snapshot(); got.AuthFailures != 3 || got.Created != 1 {
		t.Errorf("snapshot %+v", got)
	}
}

// The response to the shortest possible request is at most four times as long.
func TestShortestRequest(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	packet := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodRefresh, stun.ClassRequest)).Raw
	if answer := c.exchangeRaw(t, packet); answer == nil || errorCode(answer) != 401 || len(answer.Raw) > 4*len(packet) {
		t.Errorf("%d bytes are answered with %v", len(packet), answer)
	}
}

// What is not a request, or has an unknown method, is never answered.
func TestNeverAnswered(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	c.allocate(t)
	wrong := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	wrong.Raw[len(wrong.Raw)-1] ^= 1
	packets := map[string][]byte{
		"wrong fingerprint":  wrong.Raw,
		"trailing bytes":     append(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw, 0, 0, 0, 0),
		"method of RFC 6062": stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodConnect, stun.ClassRequest)).Raw,
		"send request":       stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassRequest)).Raw,
	}
	for _, method := range []stun.Method{stun.MethodBinding, stun.MethodAllocate, stun.MethodRefresh, stun.MethodCreatePermission, stun.MethodChannelBind, stun.MethodData} {
		for _, class := range []stun.MessageClass{stun.ClassIndication, stun.ClassSuccessResponse, stun.ClassErrorResponse} {
			m := stun.NewType(method, class)
			packets[m.String()] = stun.MustBuild(stun.TransactionID, m, stun.NewUsername(c.username), stun.NewRealm(c.realm), c.nonce, c.key()).Raw
		}
	}
	for what, packet := range packets {
		if answer := c.exchangeRaw(t, packet); answer != nil {
			t.Errorf("%s is answered: %s", what, answer)
		}
	}
	if got := s.server.Snapshot(); got.Active != 1 {
		t.Errorf("snapshot %+v", got)
	}
}

// Responses have SOFTWARE, are signed, and have a FINGERPRINT if the request has one (RFC 8489
// sections 14.14 and 14.7).
func TestAnswersAreComplete(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	for _, print := range []bool{true, false} {
		for _, step := range []struct {
			method stun.Method
			add    []stun.Setter
			code   stun.ErrorCode
		}{
			{stun.MethodAllocate, []stun.Setter{requestedTransport(17)}, 0},
			{stun.MethodCreatePermission, []stun.Setter{xorPeer{netip.MustParseAddrPort("8.8.8.8:9")}}, 0},
			{stun.MethodChannelBind, []stun.Setter{channelNumber(0x4000), xorPeer{netip.MustParseAddrPort("8.8.8.8:9")}}, 0},
			{stun.MethodChannelBind, []stun.Setter{channelNumber(0x4001), xorPeer{netip.MustParseAddrPort("8.8.8.8:9")}}, 400},
			{stun.MethodChannelBind, []stun.Setter{channelNumber(0x4000), xorPeer{netip.MustParseAddrPort("8.8.8.8:10")}}, 400},
			{stun.MethodRefresh, []stun.Setter{lifetime(0)}, 0},
			{stun.MethodRefresh, []stun.Setter{lifetime(0)}, 437},
		} {
			request := c.signedRequest(step.method, step.add...)
			if print {
				if err := stun.Fingerprint.AddTo(request); err != nil {
					t.Fatal(err)
				}
			}
			answer := c.exchange(t, request)
			if errorCode(answer) != step.code || answer.Type.Method != step.method {
				t.Fatalf("%s: answer %s", step.method, answer)
			}
			var software stun.Software
			if err := software.GetFrom(answer); err != nil || software.String() != "callbox" {
				t.Errorf("%s: software %q, %v", step.method, software, err)
			}
			if err := c.key().Check(answer); err != nil {
				t.Errorf("%s: %v", step.method, err)
			}
			if answer.Contains(stun.AttrFingerprint) != print || print && stun.Fingerprint.Check(answer) != nil {
				t.Errorf("%s: fingerprint in % x", step.method, answer.Raw)
			}
		}
	}
}

// RFC 8489 section 6.3.1.
func TestUnknownAttributes(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	answer := c.request(t, stun.MethodAllocate, requestedTransport(17),
		attribute{0x7001, nil}, attribute{0x0003, make([]byte, 4)}, attribute{0xff01, nil})
	c.wantCode(t, answer, stun.CodeUnknownAttribute)
	var unknown stun.UnknownAttributes
	if err := unknown.GetFrom(answer); err != nil || len(unknown) != 2 || unknown[0] != 0x7001 || unknown[1] != 0x0003 {
		t.Errorf("unknown attributes %v, %v", unknown, err)
	}
	c.allocate(t, attribute{0xff01, []byte("optional")})
}

// RFC 8656 section 7.2, in its order.
func TestAllocateErrors(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	udp, even := requestedTransport(17), attribute{stun.AttrEvenPort, []byte{0}}
	token := attribute{stun.AttrReservationToken, []byte("12345678")}
	additional := func(family byte) stun.Setter { return attribute{0x8000, []byte{family, 0, 0, 0}} }
	for what, test := range map[string]struct {
		code       stun.ErrorCode
		attributes []stun.Setter
	}{
		"no transport":                {400, nil},
		"transport of one byte":       {400, []stun.Setter{attribute{stun.AttrRequestedTransport, []byte{17}}}},
		"TCP":                         {442, []stun.Setter{requestedTransport(6)}},
		"token of four bytes":         {400, []stun.Setter{udp, attribute{stun.AttrReservationToken, []byte("1234")}}},
		"token and even port":         {400, []stun.Setter{udp, token, even}},
		"token and family":            {400, []stun.Setter{udp, token, requestedFamily(1)}},
		"token and additional family": {400, []stun.Setter{udp, token, additional(2)}},
		"token of nobody":             {508, []stun.Setter{udp, token}},
		"even port of four bytes":     {400, []stun.Setter{udp, attribute{stun.AttrEvenPort, make([]byte, 4)}}},
		"family that does not exist":  {440, []stun.Setter{udp, requestedFamily(3)}},
		"family of one byte":          {400, []stun.Setter{udp, attribute{stun.AttrRequestedAddressFamily, []byte{1}}}},
		"family without a relay":      {440, []stun.Setter{udp, requestedFamily(2)}},
		"both families, IPv4 added":   {400, []stun.Setter{udp, additional(1)}},
		"both families twice":         {400, []stun.Setter{udp, requestedFamily(1), additional(2)}},
		"both families, next port":    {400, []stun.Setter{udp, attribute{stun.AttrEvenPort, []byte{0x80}}, additional(2)}},
		"lifetime of two bytes":       {400, []stun.Setter{udp, attribute{stun.AttrLifetime, []byte{1, 2}}}},
	} {
		answer := c.request(t, stun.MethodAllocate, test.attributes...)
		if errorCode(answer) != test.code {
			t.Errorf("%s: %d, want %d", what, errorCode(answer), test.code)
		}
		c.wantCode(t, answer, test.code)
	}
	if got := s.server.Snapshot(); got.Created != 0 || got.Active != 0 {
		t.Errorf("snapshot %+v", got)
	}
	// ADDRESS-ERROR-CODE tells of the family that there is no relay of.
	answer := c.request(t, stun.MethodAllocate, udp, additional(2))
	wantSuccess(t, answer)
	if value, err := answer.Get(0x8001); err != nil || binary.BigEndian.Uint32(value) != 0x02000428 {
		t.Errorf("ADDRESS-ERROR-CODE % x, %v", value, err)
	}
}

// RFC 8656 section 5: only the user that made an allocation may use its 5-tuple.
func TestOwnership(t *testing.T) {
	s := start(t, allowLoopback)
	ann := s.rawAs(t, "ann")
	ann.allocate(t)
	mallory := *ann
	mallory.username, mallory.password = s.server.Credential("mallory", time.Minute)
	peer := xorPeer{netip.MustParseAddrPort("127.0.0.1:9")}
	for _, method := range []stun.Method{stun.MethodRefresh, stun.MethodCreatePermission, stun.MethodChannelBind} {
		mallory.wantCode(t, mallory.request(t, method, lifetime(0), channelNumber(0x4000), peer), stun.CodeWrongCredentials)
	}
	mallory.wantCode(t, mallory.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeAllocMismatch)
	wantSuccess(t, ann.request(t, stun.MethodRefresh))
	if live := s.server.Allocations(); len(live) != 1 || live[0].User != "ann" || live[0].Permissions != 0 || live[0].Channels != 0 {
		t.Errorf("allocations %+v", live)
	}
}

// A retransmitted Allocate request is answered again, another one is refused (RFC 8656 section 7.2).
func TestAllocateAgain(t *testing.T) {
	s := start(t, nil)
	for _, c := range []*rawClient{s.rawAs(t, "ann"), s.rawTCP(t, "bo")} {
		request := c.signedRequest(stun.MethodAllocate, requestedTransport(17), attribute{stun.AttrEvenPort, []byte{0x80}})
		first := c.exchange(t, request)
		wantSuccess(t, first)
		c.wantCode(t, c.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeAllocMismatch)
		again := c.exchange(t, request)
		if string(again.Raw) != string(first.Raw) || !first.Contains(stun.AttrReservationToken) {
			t.Errorf("first % x, then % x", first.Raw, again.Raw)
		}
		wantSuccess(t, c.request(t, stun.MethodRefresh, lifetime(0)))
	}
	if got := s.server.Snapshot(); got.Created != 2 {
		t.Errorf("snapshot %+v", got)
	}
}

// RFC 8656 sections 7.2 and 8.2: the requested lifetime is bounded.
func TestLifetimes(t *testing.T) {
	s := start(t, func(c *turnserver.Config) { c.MinLifetime = time.Minute })
	for asked, granted := range map[time.Duration]time.Duration{
		0: time.Minute, time.Second: time.Minute, 2 * time.Minute: 2 * time.Minute,
		time.Hour: turnserver.MaxLifetime, 24 * 365 * time.Hour: turnserver.MaxLifetime,
	} {
		c := s.rawAs(t, "ann")
		answer := c.request(t, stun.MethodAllocate, requestedTransport(17), lifetime(asked))
		wantSuccess(t, answer)
		if got := lifetimeOf(t, answer); got != granted {
			t.Errorf("Allocate for %s: granted %s, want %s", asked, got, granted)
		}
		if asked == 0 {
			granted = 0 // which ends it
		}
		answer = c.request(t, stun.MethodRefresh, lifetime(asked))
		wantSuccess(t, answer)
		if got := lifetimeOf(t, answer); got != granted {
			t.Errorf("Refresh for %s: granted %s, want %s", asked, got, granted)
		}
		if live := s.server.Allocations(); len(live) != 0 && time.Until(live[0].Expires) > granted {
			t.Errorf("Refresh for %s: expires %s", asked, live[0].Expires)
		}
		c.request(t, stun.MethodRefresh, lifetime(0))
	}
	c := s.rawAs(t, "ann")
	answer := c.request(t, stun.MethodAllocate, requestedTransport(17))
	if got := lifetimeOf(t, answer); got != turnserver.DefaultLifetime {
		t.Errorf("without LIFETIME: granted %s", got)
	}
	c.wantCode(t, c.request(t, stun.MethodRefresh, requestedFamily(2)), stun.CodePeerAddrFamilyMismatch)
	wantSuccess(t, c.request(t, stun.MethodRefresh, requestedFamily(1)))
}

// RFC 8656 sections 10.2 and 12.2.
func TestPeerErrors(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	c.allocate(t)
	peer, bad := xorPeer{netip.MustParseAddrPort("8.8.8.8:9")}, attribute{stun.AttrXORPeerAddress, make([]byte, 8)}
	for what, test := range map[string]struct {
		method     stun.Method
		attributes []stun.Setter
	}{
		"no peer":                  {stun.MethodCreatePermission, nil},
		"malformed peer":           {stun.MethodCreatePermission, []stun.Setter{bad}},
		"malformed among good":     {stun.MethodCreatePermission, []stun.Setter{peer, bad}},
		"channel without a peer":   {stun.MethodChannelBind, []stun.Setter{channelNumber(0x4000)}},
		"channel without a number": {stun.MethodChannelBind, []stun.Setter{peer}},
		"channel of two bytes":     {stun.MethodChannelBind, []stun.Setter{peer, attribute{stun.AttrChannelNumber, []byte{0x40, 0}}}},
		"channel 0x3fff":           {stun.MethodChannelBind, []stun.Setter{peer, channelNumber(0x3fff)}},
		"channel 0x8000":           {stun.MethodChannelBind, []stun.Setter{peer, channelNumber(0x8000)}},
	} {
		if answer := c.request(t, test.method, test.attributes...); errorCode(answer) != stun.CodeBadRequest {
			t.Errorf("%s: %d, want 400", what, errorCode(answer))
		}
	}
	if live := s.server.Allocations(); len(live) != 1 || live[0].Permissions != 0 {
		t.Errorf("allocations %+v", live)
	}
	c.bind(t, 0x7fff, peer)
}

// A request with more peers than the limit allows adds none of them.
func TestPermissionsAllOrNone(t *testing.T) {
	s := start(t, func(c *turnserver.Config) { c.Limits.Permissions = 3 })
	c := s.rawAs(t, "ann")
	c.allocate(t)
	peers := func(last ...byte) (setters []stun.Setter) {
		for _, b := range last {
			setters = append(setters, xorPeer{netip.AddrPortFrom(netip.AddrFrom4([4]byte{8, 8, 8, b}), 9)})
		}
		return setters
	}
	permissions := func() int { return s.server.Allocations()[0].Permissions }
	c.wantCode(t, c.request(t, stun.MethodCreatePermission, peers(1, 2, 3, 4)...), stun.CodeInsufficientCapacity)
	if n := permissions(); n != 0 {
		t.Errorf("%d permissions, want none", n)
	}
	wantSuccess(t, c.request(t, stun.MethodCreatePermission, peers(1, 2, 2, 1, 3)...))
	wantSuccess(t, c.request(t, stun.MethodCreatePermission, peers(3, 1)...))
	c.wantCode(t, c.request(t, stun.MethodCreatePermission, peers(1, 4)...), stun.CodeInsufficientCapacity)
	if n := permissions(); n != 3 {
		t.Errorf("%d permissions, want 3", n)
	}
}

// All peers of a request with many of them are passed to pion.
func TestLongRequest(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	c.allocate(t)
	var setters []stun.Setter
	for i := range byte(64) {
		setters = append(setters, xorPeer{netip.AddrPortFrom(netip.AddrFrom4([4]byte{8, 8, 8, i}), 9)})
	}
	setters = append(setters, attribute{stun.AttrSoftware, make([]byte, 600)})
	request := c.signedRequest(stun.MethodCreatePermission, setters...)
	if len(request.Raw) < 1400 {
		t.Fatalf("request of %d bytes", len(request.Raw))
	}
	wantSuccess(t, c.exchange(t, request))
	if live := s.server.Allocations(); live[0].Permissions != 64 {
		t.Errorf("%d permissions, want 64", live[0].Permissions)
	}
}

// DONT-FRAGMENT is supported where the system can, and unknown elsewhere (RFC 8656 section 7.2).
func TestDontFragment(t *testing.T) {
	s := start(t, nil)
	s.rawAs(t, "ann").allocate(t, attribute{stun.AttrDontFragment, nil})

	type plain struct{ net.PacketConn } // hides the descriptor
	other := start(t, func(c *turnserver.Config) {
		c.ListenPacket = func(network, address string) (net.PacketConn, error) {
			conn, err := net.ListenPacket(network, address)
			return plain{conn}, err
		}
	})
	c := other.rawAs(t, "ann")
	answer := c.request(t, stun.MethodAllocate, requestedTransport(17), attribute{stun.AttrDontFragment, nil}, attribute{stun.AttrEvenPort, []byte{0x80}})
	c.wantCode(t, answer, stun.CodeUnknownAttribute)
	var unknown stun.UnknownAttributes
	if err := unknown.GetFrom(answer); err != nil || len(unknown) != 1 || unknown[0] != stun.AttrDontFragment {
		t.Errorf("unknown attributes %v, %v", unknown, err)
	}
	if got := other.server.Snapshot(); got.Created != 0 {
		t.Errorf("snapshot %+v", got)
	}
	c.allocate(t)
}

func TestShortestLifetime(t *testing.T) {
	for _, d := range []time.Duration{-time.Second, time.Millisecond, time.Second + 1, time.Hour} {
		conn := listenUDP(t, "127.0.0.1:0")
		_, err := turnserver.New(turnserver.Config{
			Secrets: [][]byte{testSecret()}, PacketConns: []net.PacketConn{conn}, RelayIPs: loopback(), MinLifetime: d,
		})
		if err == nil {
			t.Errorf("%s is accepted", d)
		}
	}
}
