//go:build linux

package main

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // G505: the credentials require it
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v3"
	"golang.org/x/sys/unix"

	"callbox/bench/turn/datagram"
)

const (
	answerTime = 500 * time.Millisecond // until a request over UDP is sent again
	attempts   = 8
)

// errSilent means that the server did not respond in time.
var errSilent = errors.New("the server does not respond")

// client is a client of a TURN server.
type client struct {
	fd       int
	wire     *wire // nil = UDP
	username string
	password string
	realm    stun.Realm
	nonce    stun.Nonce
	key      stun.MessageIntegrity
	asked    *stun.Message
	relayed  netip.AddrPort
	control  [2048]byte
}

// dialer makes clients of a server.
type dialer struct {
	server    netip.AddrPort
	transport string // udp, tcp, tls
	secret    string
	clients   []*client
}

// dial makes a client with a new credential, as from the TURN REST API.
func (d *dialer) dial() (*client, error) {
	username := fmt.Sprintf("%d:bench-%d", time.Now().Add(time.Hour).Unix(), len(d.clients))
	mac := hmac.New(sha1.New, []byte(d.secret))
	mac.Write([]byte(username))
	c := &client{username: username, password: base64.StdEncoding.EncodeToString(mac.Sum(nil))}
	if d.transport != "udp" {
		w, err := connect(d.server, d.transport == "tls")
		if err != nil {
			return nil, err
		}
		c.fd, c.wire = w.fd, w
	} else {
		fd, err := plainSocket()
		if err != nil {
			return nil, err
		}
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(d.server.Port()), Addr: d.server.Addr().As4()}); err != nil {
			return nil, err
		}
		c.fd = fd
	}
	d.clients = append(d.clients, c)
	return c, nil
}

// plainSocket returns a UDP socket with buffers so large that no pause of this program
// fills them.
func plainSocket() (int, error) {
	return datagram.Listen(netip.AddrPortFrom(loopback, 0), 4<<20)
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1}) //nolint:gochecknoglobals // constant

// ask sends a request, with MESSAGE-INTEGRITY once there is a realm and a nonce.
func (c *client) ask(method stun.Method, attributes ...stun.Setter) error {
	setters := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, attributes...)
	if c.key != nil {
		setters = append(setters, stun.NewUsername(c.username), c.realm, c.nonce, c.key)
	}
	message, err := stun.Build(append(setters, stun.Fingerprint)...)
	if err != nil {
		return err
	}
	c.asked = message
	return c.send(message.Raw)
}

func (c *client) send(message []byte) error {
	if c.wire == nil {
		_, err := unix.Write(c.fd, message)
		return err
	}
	c.wire.plain = append(c.wire.plain, message...)
	return c.wire.flush()
}

// answer waits for the response to the last request.
func (c *client) answer() (*stun.Message, error) {
	for range attempts {
		for deadline := time.Now().Add(answerTime); time.Now().Before(deadline); {
			response, err := c.hear()
			if err != nil && !errors.Is(err, errSilent) {
				return nil, err
			}
			if response != nil && response.TransactionID == c.asked.TransactionID {
				return response, nil
			}
		}
		if c.wire == nil {
			if err := c.send(c.asked.Raw); err != nil {
				return nil, err
			}
		}
	}
	return nil, fmt.Errorf("%s: %w", c.asked.Type, errSilent)
}

// hear waits for a message; nil = it cannot be a response.
func (c *client) hear() (response *stun.Message, err error) {
	if err := await(c.fd, answerTime); err != nil {
		return nil, err
	}
	take := func(message []byte) {
		m := &stun.Message{Raw: append([]byte(nil), message...)}
		if stun.IsMessage(message) && m.Decode() == nil {
			response = m
		}
	}
	if c.wire != nil {
		return response, errors.Join(c.wire.receive(take))
	}
	n, err := unix.Read(c.fd, c.control[:])
	if err == nil {
		take(c.control[:n])
	}
	return response, err
}

// challenged stores the realm and nonce of a 401 or 438; false = response is neither.
func (c *client) challenged(response *stun.Message) (bool, error) {
	var code stun.ErrorCodeAttribute
	if !response.Contains(stun.AttrErrorCode) {
		return false, nil
	}
	if err := code.GetFrom(response); err != nil {
		return false, err
	}
	if code.Code != stun.CodeUnauthorized && code.Code != stun.CodeStaleNonce {
		return false, nil
	}
	if err := errors.Join(c.realm.GetFrom(response), c.nonce.GetFrom(response)); err != nil {
		return false, fmt.Errorf("%w: %s", err, response)
	}
	c.key = stun.NewLongTermIntegrity(c.username, c.realm.String(), c.password)
	return true, nil
}

// request sends a request, again after a challenge, and returns the success response.
func (c *client) request(method stun.Method, attributes ...stun.Setter) (*stun.Message, error) {
	for range 3 {
		if err := c.ask(method, attributes...); err != nil {
			return nil, err
		}
		response, err := c.answer()
		if err != nil {
			return nil, err
		}
		again, err := c.challenged(response)
		if err != nil {
			return nil, err
		}
		if !again {
			return response, refusal(response)
		}
	}
	return nil, errors.New("the server does not accept the credential")
}

// refusal returns an error unless response is a success.
func refusal(response *stun.Message) error {
	if response.Type.Class == stun.ClassSuccessResponse {
		return nil
	}
	var code stun.ErrorCodeAttribute
	_ = code.GetFrom(response) // without the attribute, the text below has code 0
	return fmt.Errorf("%s: %d %s", response.Type, code.Code, code.Reason)
}

// transportUDP is the REQUESTED-TRANSPORT attribute.
var transportUDP = stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}} //nolint:gochecknoglobals // constant

func (c *client) allocate() error {
	response, err := c.request(stun.MethodAllocate, transportUDP)
	if err != nil {
		return err
	}
	return c.allocated(response)
}

func (c *client) allocated(response *stun.Message) error {
	var relayed stun.XORMappedAddress
	if err := relayed.GetFromAs(response, stun.AttrXORRelayedAddress); err != nil {
		return err
	}
	ip, _ := netip.AddrFromSlice(relayed.IP)
	c.relayed = netip.AddrPortFrom(ip.Unmap(), uint16(relayed.Port)) //nolint:gosec // G115: it was one
	return nil
}

// bind binds a channel to a peer, which also installs a permission.
func (c *client) bind(number uint16, peer netip.AddrPort) error {
	value := append(binary.BigEndian.AppendUint16(nil, number), 0, 0)
	_, err := c.request(stun.MethodChannelBind, stun.RawAttribute{Type: stun.AttrChannelNumber, Value: value}, peerAddress(peer))
	return err
}

func (c *client) permit(peer netip.AddrPort) error {
	_, err := c.request(stun.MethodCreatePermission, peerAddress(peer))
	return err
}

// release ends the allocation.
func (c *client) release() error {
	_, err := c.request(stun.MethodRefresh, stun.RawAttribute{Type: stun.AttrLifetime, Value: make([]byte, 4)})
	return err
}

// xorPeer is the XOR-PEER-ADDRESS attribute.
type xorPeer netip.AddrPort

func peerAddress(peer netip.AddrPort) stun.Setter { return xorPeer(peer) }

// AddTo adds it to a message.
func (p xorPeer) AddTo(m *stun.Message) error {
	at := netip.AddrPort(p)
	return stun.XORMappedAddress{IP: net.IP(at.Addr().AsSlice()), Port: int(at.Port())}.AddToAs(m, stun.AttrXORPeerAddress)
}
