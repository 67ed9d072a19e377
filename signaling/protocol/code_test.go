package protocol_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"callbox/signaling/protocol"
)

// TestCloseCodes compares CloseCodes and IsFinalClose with the sample that the
// page's tests read, too.
func TestCloseCodes(t *testing.T) {
	text, err := os.ReadFile("testdata/close_codes/close_codes.json")
	if err != nil {
		t.Fatal(err)
	}
	var samples []struct {
		Code  int
		Final bool
	}
	if err := json.Unmarshal(text, &samples); err != nil {
		t.Fatal(err)
	}
	var codes []int
	for _, s := range samples {
		codes = append(codes, s.Code)
		if got := protocol.IsFinalClose(s.Code); got != s.Final {
			t.Errorf("IsFinalClose(%d) = %v, want %v", s.Code, got, s.Final)
		}
	}
	if got := protocol.CloseCodes(); !slices.Equal(got, codes) {
		t.Errorf("CloseCodes() = %v, want %v", got, codes)
	}
	for _, code := range []int{0, 1005, 1006, 3000, 4000} {
		if protocol.IsFinalClose(code) {
			t.Errorf("IsFinalClose(%d) = true", code)
		}
	}
}
