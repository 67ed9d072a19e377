package signaling

import (
	"crypto/sha1" //nolint:gosec // what RFC 6455 prescribes
	"encoding/base64"
	"net/http"
	"strings"

	"callbox/signaling/protocol"
)

// handshakeGUID is hashed together with the key (RFC 6455, section 1.3).
const handshakeGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// handshake is a client's request to open a WebSocket (RFC 6455, section 4.2.1).
type handshake struct {
	key         string // Sec-WebSocket-Key
	subprotocol bool   // the client offered callbox.v1
}

// handshakeFault says why a request opens no WebSocket.
type handshakeFault struct {
	status        int
	code, message string
}

func badHandshake(message string) *handshakeFault {
	return &handshakeFault{http.StatusBadRequest, "bad_handshake", message}
}

// readHandshake reads the handshake from a request. It does not look at the
// origin.
func readHandshake(r *http.Request) (h handshake, fault *handshakeFault) {
	offered, ours := offersSubprotocol(r.Header)
	keys := r.Header["Sec-Websocket-Key"]
	switch {
	case offered && !ours:
		return h, &handshakeFault{http.StatusBadRequest, "bad_subprotocol", "the subprotocol is " + protocol.Subprotocol}
	case !r.ProtoAtLeast(1, 1) || !hasToken(r.Header["Connection"], "upgrade") || !hasToken(r.Header["Upgrade"], "websocket"):
		return h, badHandshake("this is for WebSocket: an upgrade over HTTP/1.1")
	case r.Method != http.MethodGet:
		return h, &handshakeFault{http.StatusMethodNotAllowed, "bad_handshake", "a WebSocket is opened with GET"}
	case !hasToken(r.Header["Sec-Websocket-Version"], "13"):
		return h, badHandshake("the version of WebSocket is 13")
	case len(keys) != 1 || !validKey(keys[0]):
		return h, badHandshake("Sec-WebSocket-Key is not 16 bytes in base64")
	case r.ContentLength != 0:
		return h, badHandshake("the request has a body")
	}
	return handshake{key: keys[0], subprotocol: ours}, nil
}

// offersSubprotocol reports whether the client offers any subprotocols, and
// whether callbox's is among them. They may stand in several fields (RFC 6455,
// section 11.3.4).
func offersSubprotocol(header http.Header) (some, ours bool) {
	fields := header["Sec-Websocket-Protocol"]
	for _, field := range fields {
		some = some || strings.TrimSpace(field) != ""
	}
	for each := range tokens(fields) {
		ours = ours || each == protocol.Subprotocol
	}
	return some, ours
}

// hasToken reports whether a list in fields contains that token, in upper or
// lower case. Elements after one that is no token are ignored.
func hasToken(fields []string, token string) bool {
	for i := range fields {
		for each := range tokens(fields[i : i+1]) {
			if strings.EqualFold(each, token) {
				return true
			}
			if !isToken(each) {
				break
			}
		}
	}
	return false
}

// tokens yields the elements of the lists in fields (RFC 9110, section 5.6.1).
func tokens(fields []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, field := range fields {
			for more := true; more; {
				var element string
				element, field, more = strings.Cut(field, ",")
				if !yield(strings.Trim(element, " \t")) {
					return
				}
			}
		}
	}
}

// validKey reports whether key is 16 bytes in base64.
func validKey(key string) bool {
	const size = 16
	var text [24]byte // 16 bytes in base64 take 24
	var bytes [18]byte
	if len(key) != len(text) {
		return false
	}
	copy(text[:], key)
	n, err := base64.StdEncoding.Decode(bytes[:], text[:])
	return err == nil && n == size
}

// responseSize is large enough for the response to any handshake.
const responseSize = 192

// appendResponse appends the response that accepts h.
func (h *handshake) appendResponse(dst []byte) []byte {
	var text [24 + len(handshakeGUID)]byte
	sum := sha1.Sum(append(append(text[:0], h.key...), handshakeGUID...)) //nolint:gosec // see above
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = base64.StdEncoding.AppendEncode(dst, sum[:])
	if h.subprotocol {
		dst = append(dst, "\r\nSec-WebSocket-Protocol: "+protocol.Subprotocol...)
	}
	return append(dst, "\r\n\r\n"...)
}
