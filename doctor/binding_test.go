package doctor

import (
	"testing"

	"github.com/pion/stun/v4"
)

// FuzzBound reads responses to Binding requests: each is an error, or has the address that was seen.
func FuzzBound(f *testing.F) {
	seed := func(setters ...stun.Setter) {
		m, err := stun.Build(append([]stun.Setter{stun.TransactionID}, setters...)...)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.Raw)
	}
	mapped := &stun.XORMappedAddress{IP: []byte{192, 0, 2, 1}, Port: 4711}
	seed(stun.BindingSuccess, mapped, stun.RawAttribute{Type: attrOtherAddress, Value: []byte{0, 1, 0x0d, 0x96, 192, 0, 2, 2}})
	seed(stun.BindingSuccess, mapped, stun.RawAttribute{Type: attrOtherAddress, Value: []byte{0, 2, 0x0d, 0x96, 192}})
	seed(stun.BindingError, stun.CodeUnknownAttribute)
	seed(stun.BindingSuccess)
	f.Fuzz(func(t *testing.T, packet []byte) {
		m := &stun.Message{Raw: packet}
		if m.Decode() != nil {
			return
		}
		got, err := readBound(m)
		if err == nil && m.Type != stun.BindingSuccess {
			t.Errorf("%v is taken for a success", m.Type)
		}
		if err == nil && !got.mapped.IsValid() {
			t.Error("a response without an address is taken")
		}
		if err == nil && got.mapped.Addr().Is4In6() {
			t.Errorf("%v is not unmapped", got.mapped)
		}
	})
}
