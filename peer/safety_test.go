package peer_test

import (
	"strings"
	"testing"

	"callbox/peer"
	"callbox/peer/ctl"
)

// Both ends of a call have the same safety code, and tell it during the call.
func TestSafetyCode(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	codesA, codesB := events(&a, peer.EventSafetyCode), events(&b, peer.EventSafetyCode)
	first, second := join(t, a), join(t, b)
	atA, atB := next(t, "the code at the first", codesA), next(t, "the code at the second", codesB)
	if atA.Code != atB.Code || len(atA.Code) != 6 || atA.Name != "Bo" || atB.Name != "Ann" {
		t.Errorf("codes: %+v, %+v", atA, atB)
	}
	first.Hangup()
	for _, r := range []*peer.Report{first.Wait(), second.Wait()} {
		if r.SafetyCode == nil || *r.SafetyCode != atA.Code || r.TimelineMS.DCOpen == nil {
			t.Errorf("reported %v, channel open at %v", r.SafetyCode, r.TimelineMS.DCOpen)
		}
	}
}

// Another call between the same two programs has another code.
func TestSafetyCodeIsFresh(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	codes := map[string]bool{}
	for range 2 {
		a := s.bot(t, "Ann")
		found := events(&a, peer.EventSafetyCode)
		first, second := join(t, a), join(t, s.bot(t, "Bo"))
		codes[next(t, "the code", found).Code] = true
		first.Hangup()
		first.Wait()
		second.Wait()
	}
	if len(codes) != 2 {
		t.Errorf("codes: %v", codes)
	}
}

// A page whose messages for the safety code break the rules gets a warning, and never
// a code.
func TestSafetyWarning(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]string{
		"malformed":  `{"type":"nonce","nonce":"00"}`,
		"wrong role": `{"type":"commit","hash":"` + strings.Repeat("0", 64) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil)
			cfg := s.listener(t)
			warnings, codes := events(&cfg, peer.EventSafetyWarning), events(&cfg, peer.EventSafetyCode)
			bot, w := listening(t, s, &cfg)
			w.tell(fault)
			if e := next(t, "the warning", warnings); e.Reason == "" {
				t.Error("no reason")
			}
			w.tell(ctl.Nonce{})
			w.tell(ctl.Ping{})
			if _, ok := w.told().(ctl.Pong); !ok {
				t.Error("the exchange went on")
			}
			bot.Hangup()
			if r := bot.Wait(); r.SafetyCode != nil || len(codes) != 0 {
				t.Errorf("code %v", r.SafetyCode)
			}
		})
	}
}
