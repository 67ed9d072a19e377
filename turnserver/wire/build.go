package wire

import (
	"encoding/binary"
	"net/netip"

	"callbox/internal/netaddr"
)

// Builder appends a STUN message to a slice. Attributes are in the order in which they are added;
// Sign must come after all others, and AddFingerprint last. When the message would be longer than
// its length field can say, Bytes returns nil.
type Builder struct {
	buf      []byte
	start    int
	overflow bool
}

// Build begins a message that is appended to dst.
func Build(dst []byte, t Type, id TransactionID) Builder {
	b := Builder{buf: dst, start: len(dst)}
	b.buf = binary.BigEndian.AppendUint16(b.buf, uint16(t))
	b.buf = binary.BigEndian.AppendUint16(b.buf, 0)
	b.buf = binary.BigEndian.AppendUint32(b.buf, cookie)
	b.buf = append(b.buf, id[:]...)
	return b
}

// Bytes returns the slice that Build was given with the message appended.
func (b *Builder) Bytes() []byte {
	if b.overflow {
		return nil
	}
	return b.buf
}

// Len returns the length of the message so far.
func (b *Builder) Len() int { return len(b.buf) - b.start }

// Add adds an attribute.
func (b *Builder) Add(kind Attr, value []byte) {
	if b.begin(kind, len(value)) {
		b.buf = append(b.buf, value...)
		b.pad(len(value))
	}
}

// AddString adds an attribute of text.
func (b *Builder) AddString(kind Attr, value string) {
	if b.begin(kind, len(value)) {
		b.buf = append(b.buf, value...)
		b.pad(len(value))
	}
}

// AddUint32 adds an attribute of four bytes.
func (b *Builder) AddUint32(kind Attr, value uint32) {
	if b.begin(kind, 4) {
		b.buf = binary.BigEndian.AppendUint32(b.buf, value)
	}
}

// AddAddress adds an address that is not XOR-ed.
func (b *Builder) AddAddress(kind Attr, a netip.AddrPort) {
	b.addAddress(kind, netaddr.Unmap(a))
}

// AddXORAddress adds an XOR-ed address.
func (b *Builder) AddXORAddress(kind Attr, a netip.AddrPort) {
	b.addAddress(kind, xorAddress(netaddr.Unmap(a), (*[16]byte)(b.buf[b.start+4:b.start+HeaderLen])))
}

// addAddress adds the address as it is: an XOR-ed one can look like any other.
func (b *Builder) addAddress(kind Attr, a netip.AddrPort) {
	length := addressLen(a.Addr())
	if b.begin(kind, length) {
		b.buf = append(b.buf, make([]byte, length)...)
		putAddress(b.buf[len(b.buf)-length:], a)
	}
}

// AddError adds ERROR-CODE with a code from 300 to 699 and a reason phrase (RFC 8489 section 14.8).
func (b *Builder) AddError(code int, reason string) {
	if b.begin(ErrorCode, 4+len(reason)) {
		b.buf = append(b.buf, 0, 0, byte(code/100), byte(code%100)) //nolint:gosec // three digits
		b.buf = append(b.buf, reason...)
		b.pad(len(reason))
	}
}

// AddUnknown adds UNKNOWN-ATTRIBUTES (RFC 8489 section 14.9).
func (b *Builder) AddUnknown(kinds []Attr) {
	if b.begin(UnknownAttributes, 2*len(kinds)) {
		for _, kind := range kinds {
			b.buf = binary.BigEndian.AppendUint16(b.buf, uint16(kind))
		}
		b.pad(2 * len(kinds))
	}
}

// Sign adds MESSAGE-INTEGRITY made with key.
func (b *Builder) Sign(key []byte) {
	end := b.Len()
	if b.begin(MessageIntegrity, integrityLen) {
		b.buf = integrity(b.buf, key, b.buf[b.start:], end)
	}
}

// AddFingerprint adds FINGERPRINT.
func (b *Builder) AddFingerprint() {
	end := len(b.buf)
	if b.begin(Fingerprint, fingerprintLen) {
		b.buf = binary.BigEndian.AppendUint32(b.buf, fingerprint(b.buf[b.start:end]))
	}
}

// begin writes the header of an attribute, whose value must follow, and adds the attribute to the
// length of the message. It returns false when the message would be too long.
func (b *Builder) begin(kind Attr, length int) bool {
	body := b.Len() - HeaderLen + attrHeaderLen + padded(length)
	if body > maxBody {
		b.overflow = true
	}
	if b.overflow {
		return false
	}
	binary.BigEndian.PutUint16(b.buf[b.start+2:], uint16(body)) //nolint:gosec // bounded above
	b.buf = binary.BigEndian.AppendUint16(b.buf, uint16(kind))
	b.buf = binary.BigEndian.AppendUint16(b.buf, uint16(length)) //nolint:gosec // bounded above
	return true
}

func (b *Builder) pad(length int) {
	for range padded(length) - length {
		b.buf = append(b.buf, 0)
	}
}

// AppendBindingSuccess appends the success response to a Binding request, with the address that it
// came from and, if they are valid, RESPONSE-ORIGIN and OTHER-ADDRESS (RFC 5780 sections 7.3 and
// 7.4). It has a FINGERPRINT when the request has one.
func AppendBindingSuccess(dst []byte, request Message, mapped, origin, other netip.AddrPort) []byte {
	b := BuildBindingSuccess(dst, request, mapped, origin, other)
	if request.HasFingerprint() {
		b.AddFingerprint()
	}
	return b.buf
}

// BuildBindingSuccess is AppendBindingSuccess without the FINGERPRINT, so that more attributes can be
// added. With RESPONSE-ORIGIN it adds MAPPED-ADDRESS (RFC 5780 section 6.1), but not for IPv6, where
// that would make the response too long compared to the request.
func BuildBindingSuccess(dst []byte, request Message, mapped, origin, other netip.AddrPort) Builder {
	b := Build(dst, NewType(Binding, Success), request.TransactionID())
	b.AddXORAddress(XORMappedAddress, mapped)
	if origin.IsValid() {
		if mapped.Addr().Unmap().Is4() {
			b.AddAddress(MappedAddress, mapped)
		}
		b.AddAddress(ResponseOrigin, origin)
	}
	if other.IsValid() {
		b.AddAddress(OtherAddress, other)
	}
	return b
}
