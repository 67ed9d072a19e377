package ctl

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"math"
	"math/rand/v2"
	"testing"
	"testing/cryptotest"
)

var attackFull = flag.Bool("attack.full", false, "let each attacker on the safety code try 20,000 times, and not 2,000")

// In these tests somebody sits between two ends, controls the signaling server and all
// connections, and wants both ends to show the same code. The ends use the real
// exchange, but only 8 bits of its digest, so one try in 256 succeeds by luck. The
// attacker has succeeded more often if there is a hole in the exchange.
const (
	attackBits = 8
	attackRoom = "quiet-river-lamp"
	grindLimit = 4096 // values that an attacker tries, to find one that gives a code
)

// continuing is how an end gets the exchange for a new connection.
type continuing func(e *Exchange, room string, polite bool, own, other Fingerprint) *Exchange

// keepingNonces is Continue with a planted defect: the nonce outlives a certificate.
func keepingNonces(e *Exchange, room string, polite bool, own, other Fingerprint) *Exchange {
	if e == nil || e.Between(own, other) {
		return Continue(e, room, polite, own, other)
	}
	return newExchange(attackBits, e.nonce, room, polite, own, other)
}

// victim is an end that the attacker talks to.
type victim struct {
	*Exchange
	polite      bool
	certificate Fingerprint
	next        continuing
	scratch     []byte
}

// connect makes a new connection to the victim, with a certificate of the attacker, and
// returns what the victim sends first.
func (v *victim) connect(certificate Fingerprint) Message {
	v.Exchange = v.next(v.Exchange, attackRoom, v.polite, v.certificate, certificate)
	v.bits = attackBits
	return v.Start()
}

// hear lets the victim receive a message and returns its answer.
func (v *victim) hear(m Message) Message {
	answer, _ := v.Receive(m)
	return answer
}

// start is what every digest of the room begins with.
var start = []byte(digestLabel + "\x00" + attackRoom + "\x00")

// byteWith returns the first byte of the digest, and so the code, that the victim has if
// these are the nonces. It is faster than digest.
func (v *victim) byteWith(certificate Fingerprint, impolite, polite Value) byte {
	low, high := &v.certificate, &certificate
	if bytes.Compare(low[:], high[:]) > 0 {
		low, high = high, low
	}
	v.scratch = append(append(append(v.scratch[:0], start...), low[:]...), high[:]...)
	v.scratch = append(append(v.scratch, impolite[:]...), polite[:]...)
	return sha256.Sum256(v.scratch)[0]
}

// byteOf tells which byte a code was read from.
var byteOf = func() map[Code]byte {
	all := make(map[Code]byte, 1<<attackBits)
	for first := range 1 << attackBits {
		all[codeOf([sha256.Size]byte{byte(first)}, attackBits)] = byte(first)
	}
	return all
}()

// shown returns the byte of the code that the victim shows.
func (v *victim) shown() byte {
	code, _ := v.Code()
	return byteOf[code]
}

// attacker has the source of its own choices.
type attacker struct{ *rand.Rand }

func (m attacker) bytes() (b [32]byte) {
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return b
}

// grind returns a value for which fits is true, or the last one that it tried.
func (m attacker) grind(fits func([32]byte) bool) [32]byte {
	v := m.bytes()
	for n := uint64(0); n < grindLimit && !fits(v); n++ {
		binary.BigEndian.PutUint64(v[:], n)
	}
	return v
}

// converse makes the exchange with a victim, as the end that the victim expects. own is
// the attacker's nonce. It returns the victim's nonce.
func (m attacker) converse(v *victim, certificate Fingerprint, own Value) Value {
	first := v.connect(certificate)
	if v.polite {
		answer, _ := v.hear(Commit{Hash: commitment(own)}).(Nonce)
		v.hear(Reveal{Nonce: own})
		return answer.Nonce
	}
	if _, ok := first.(Commit); !ok {
		return Value{}
	}
	answer, _ := v.hear(Nonce{Nonce: own}).(Reveal)
	return answer.Nonce
}

// inOrder returns an attacker's and a victim's nonce as those of the impolite and the
// polite end.
func (v *victim) inOrder(attackers, victims Value) (impolite, polite Value) {
	if v.polite {
		return attackers, victims
	}
	return victims, attackers
}

// deceived reports whether both ends show the same code, though each is connected with
// the attacker.
func deceived(a, b *victim) bool {
	here, ok := a.Code()
	there, alsoOK := b.Code()
	return ok && alsoOK && here == there
}

// attack is one try, on two victims that have never been connected. The first is the
// impolite end, unless the server gives the same role to both.
type attack func(m attacker, a, b *victim) bool

// groundCertificate knows all nonces after one exchange with each end. It searches for a
// certificate that gives one of them the code of the other, and rebuilds the connection.
func groundCertificate(m attacker, a, b *victim) bool {
	if m.IntN(2) == 0 {
		a, b = b, a
	}
	known := m.converse(a, m.bytes(), m.bytes())
	m.converse(b, m.bytes(), m.bytes())
	goal := b.shown()
	own := Value(m.bytes())
	impolite, polite := a.inOrder(own, known)
	certificate := m.grind(func(c [32]byte) bool { return a.byteWith(c, impolite, polite) == goal })
	m.converse(a, certificate, own)
	return deceived(a, b)
}

// bothImpolite has told both ends that they are impolite, so both reveal what they
// committed to.
func bothImpolite(m attacker, a, b *victim) bool {
	b.polite = false
	m.converse(a, m.bytes(), m.bytes())
	goal := a.shown()
	certificate := m.bytes()
	guess := Value(m.bytes()) // what b has committed to
	own := m.grind(func(n [32]byte) bool { return b.byteWith(certificate, guess, n) == goal })
	m.converse(b, certificate, own)
	return deceived(a, b)
}

// bothPolite has told both ends that they are polite, so both tell their nonces before
// the attacker reveals anything.
func bothPolite(m attacker, a, b *victim) bool {
	a.polite = true
	first, second, certificate := Value(m.bytes()), Value(m.bytes()), m.bytes()
	a.connect(m.bytes())
	b.connect(certificate)
	a.hear(Commit{Hash: commitment(first)})
	other, _ := b.hear(Commit{Hash: commitment(second)}).(Nonce)
	a.hear(Reveal{Nonce: first})
	goal := a.shown()
	// It has committed itself to second; another nonce would not fit.
	if b.byteWith(certificate, second, other.Nonce) != goal {
		second = m.grind(func(n [32]byte) bool { return b.byteWith(certificate, n, other.Nonce) == goal })
	}
	b.hear(Reveal{Nonce: second})
	return deceived(a, b)
}

// forwardedCommit passes the commitment of one end on to the other, and so its nonce.
func forwardedCommit(m attacker, a, b *victim) bool {
	commit := a.connect(m.bytes())
	early := m.IntN(2) == 0
	certificate := m.bytes()
	var other Nonce
	if early { // it knows the polite end's nonce before it chooses its own
		b.connect(certificate)
		other, _ = b.hear(commit).(Nonce)
	}
	guess := Value(m.bytes()) // what a has committed to
	goal := b.byteWith(certificate, guess, other.Nonce)
	reveal := a.hear(Nonce{Nonce: m.bytes()})
	if !early {
		goal = a.shown()
		na, _ := reveal.(Reveal)
		certificate = m.grind(func(c [32]byte) bool { return b.byteWith(c, na.Nonce, guess) == goal })
		b.connect(certificate)
		b.hear(commit)
	}
	b.hear(reveal)
	return deceived(a, b)
}

// secondCommit learns the polite end's nonce and commits itself once more, on the same
// connection or on the next.
func secondCommit(m attacker, a, b *victim) bool {
	m.converse(a, m.bytes(), m.bytes())
	goal := a.shown()
	certificate := m.bytes()
	b.connect(certificate)
	other, _ := b.hear(Commit{Hash: m.bytes()}).(Nonce)
	if m.IntN(2) == 0 {
		b.connect(certificate)
	}
	own := Value(m.grind(func(n [32]byte) bool { return b.byteWith(certificate, n, other.Nonce) == goal }))
	b.hear(Commit{Hash: commitment(own)})
	b.hear(Reveal{Nonce: own})
	return deceived(a, b)
}

// withheldReveal sees that the code would be another one, reveals nothing and tries
// again, with the same certificate or another.
func withheldReveal(m attacker, a, b *victim) bool {
	m.converse(a, m.bytes(), m.bytes())
	goal := a.shown()
	certificate, own := m.bytes(), Value(m.bytes())
	b.connect(certificate)
	other, _ := b.hear(Commit{Hash: commitment(own)}).(Nonce)
	if m.IntN(2) == 0 {
		certificate = m.grind(func(c [32]byte) bool { return b.byteWith(c, own, other.Nonce) == goal })
	} else {
		own = m.grind(func(n [32]byte) bool { return b.byteWith(certificate, n, other.Nonce) == goal })
	}
	m.converse(b, certificate, own)
	return deceived(a, b)
}

// swappedPeer takes the place of one end after both have compared their code and found
// it equal. It even knows the nonces. It succeeds if the other end still shows that
// code, or shows it again.
func swappedPeer(m attacker, a, b *victim) bool {
	message := a.connect(b.certificate)
	b.connect(a.certificate)
	for hearing, other := b, a; message != nil; hearing, other = other, hearing {
		message = hearing.hear(message)
	}
	goal := a.shown()
	impolite, polite := a.nonce, b.nonce
	v := a
	if m.IntN(2) == 0 {
		v = b
	}
	certificate := m.grind(func(c [32]byte) bool { return v.byteWith(c, impolite, polite) == goal })
	v.connect(certificate)
	if _, shown := v.Code(); shown {
		return true
	}
	own := polite
	if v == b {
		own = impolite
	}
	m.converse(v, certificate, own)
	code, ok := v.Code()
	return ok && byteOf[code] == goal
}

// TestAttackers lets each attacker try many times. None of them is better than luck,
// and the one for which luck is not enough succeeds as soon as nonces are kept when a
// certificate changes.
func TestAttackers(t *testing.T) {
	const seed = 12
	cryptotest.SetGlobalRandom(t, seed)
	tries := 2000
	if *attackFull {
		tries = 20_000
	}
	t.Logf("seed %d, %d tries of each", seed, tries)
	const luck = 1.0 / (1 << attackBits)
	mean := float64(tries) * luck
	deviations := 5 * math.Sqrt(mean*(1-luck))
	least, most := mean-deviations, mean+deviations
	for _, c := range []struct {
		name string
		attack
		lucky bool // it may succeed by luck, in every try
	}{
		{"certificate ground after reveal", groundCertificate, true},
		{"both ends impolite", bothImpolite, true},
		{"both ends polite", bothPolite, true},
		{"commit forwarded", forwardedCommit, true},
		{"second commit", secondCommit, false},
		{"reveal withheld", withheldReveal, false},
		{"peer swapped", swappedPeer, true},
	} {
		successes := c.try(seed, tries, Continue)
		t.Logf("%s: %d successes, %.1f expected from luck, at most %.1f allowed", c.name, successes, mean, most)
		if n := float64(successes); n > most || c.lucky && n < least {
			t.Errorf("%s: %d successes of %d", c.name, successes, tries)
		}
	}
	for name, a := range map[string]attack{"certificate ground after reveal": groundCertificate, "peer swapped": swappedPeer} {
		successes := a.try(seed, tries, keepingNonces)
		t.Logf("nonces kept, %s: %d successes", name, successes)
		if successes < tries*95/100 {
			t.Errorf("the planted defect helps %q only %d times in %d, so the test proves nothing", name, successes, tries)
		}
	}
}

// try returns how many of some tries succeed.
func (a attack) try(seed uint64, tries int, next continuing) (successes int) {
	m := attacker{rand.New(rand.NewPCG(seed, 0))}
	for range tries {
		one := victim{certificate: m.bytes(), next: next}
		other := victim{certificate: m.bytes(), next: next, polite: true}
		if a(m, &one, &other) {
			successes++
		}
	}
	return successes
}
