package protocol_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"callbox/signaling/protocol"
)

// TestCloseCodes compares CloseCodes and IsFinalClose with the sample that
// clients in other languages read, and with the list in the call page.
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
	var codes, final []int
	for _, s := range samples {
		codes = append(codes, s.Code)
		if s.Final {
			final = append(final, s.Code)
		}
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
	t.Run("page", func(t *testing.T) {
		script, err := os.ReadFile("../../frontend/static/js/final.js")
		if err != nil {
			t.Fatal(err)
		}
		table := regexp.MustCompile(`(?m)^const CLOSE_CODES = \{(.*)\};$`).FindSubmatch(script)
		if table == nil {
			t.Fatal("final.js has no CLOSE_CODES")
		}
		var got []int
		for _, key := range regexp.MustCompile(`\d+`).FindAllString(string(table[1]), -1) {
			code, _ := strconv.Atoi(key) // it has only digits
			got = append(got, code)
		}
		if !slices.Equal(got, final) {
			t.Errorf("final.js has the final codes %v, want %v", got, final)
		}
	})
}
