package signaling

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"callbox/internal/netaddr"
)

// The bounds of what is kept of kicks: ids of peers, and addresses.
const (
	maxKickIDs = 100_000
	maxBans    = 10_000
	// maxHeld is how many others may sit in a room for a kick to end the
	// tokens of its free seats.
	maxSeated = 1000
)

// MaxBan is the longest time for which [Server.Kick] refuses an address.
const MaxBan = 30 * 24 * time.Hour

// KickStore keeps whom the operator put out, so that a restart lets nobody in
// again. Its methods may block.
type KickStore interface {
	// Load returns what was saved last; nil means that nothing was.
	Load() ([]byte, error)
	// Save replaces it.
	Save(state []byte) error
}

// kicks remembers whom the operator put out, until every token from before has
// expired.
//
// A client that is put out may hold tokens of seats that it had in the same
// room before, and nothing says whose they are. So a kick ends the tokens of
// all seats that nobody held at that time: their holders join anew.
type kicks struct {
	store  KickStore  // nil = a restart forgets
	saving sync.Mutex // held while the store writes

	nonEmpty atomic.Bool // something is remembered: spares joins the lock

	mu    sync.Mutex // guards the following; a shard may be locked
	rooms map[[16]byte]*roomKicks
	bans  map[ban]int64 // until when, in seconds since 1970
	ids   int           // in all rooms
}

// roomKicks is what the kicks of one room refuse.
type roomKicks struct {
	until  int64    // in seconds since 1970: no token from before is good for longer
	kicked []string // the peers that were put out
	// A peer that joined until then, and whose seat was not held at the last
	// kick, has no seat to take back.
	lastJoined int64 // as session.joined
	seated     []string
}

func (r *roomKicks) size() int { return len(r.kicked) + len(r.seated) }

// ban is an address that a room refuses.
type ban struct {
	room    [16]byte
	address netip.Addr // as netaddr.Client has it
}

var (
	errTooManyKicks = fmt.Errorf("more than %d peers are remembered", maxKickIDs)
	errTooManyBans  = fmt.Errorf("more than %d addresses are refused", maxBans)
)

// note remembers that s is put out of its room, and refuses its address for
// the time of refuse; 0 = not at all. The shard of s is locked. What exceeds
// the bounds is not remembered, which the error says.
func (k *kicks) add(s *session, refuse time.Duration) error {
	now := time.Now()
	key := roomHash(s.room.name)
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.updateNonEmptyLocked()
	k.pruneLocked(now)
	var faults []error
	if refuse > 0 {
		who := ban{key, netaddr.Client(s.from)}
		if _, known := k.bans[who]; !known && len(k.bans) >= maxBans {
			faults = append(faults, errTooManyBans)
		} else {
			k.bans[who] = max(k.bans[who], now.Add(refuse).Unix())
		}
	}
	next := &roomKicks{until: now.Add(ResumeLife).Unix() + 1, kicked: []string{s.peer}, lastJoined: max(now.UnixMilli(), s.joined)}
	size := 0
	if last := k.rooms[key]; last != nil {
		next.kicked = append(next.kicked, last.kicked...)
		size = last.size()
	}
	if others := s.room.seats; len(others) <= maxSeated {
		for _, o := range others {
			if o != s {
				next.seated = append(next.seated, o.peer)
				next.lastJoined = max(next.lastJoined, o.joined)
			}
		}
	} else {
		next.lastJoined = 0
	}
	if k.ids-size+next.size() > maxKickIDs {
		return errors.Join(append(faults, errTooManyKicks)...)
	}
	k.ids += next.size() - size
	k.rooms[key] = next
	return errors.Join(faults...)
}

// settleLocked notes whether there is anything to ask about.
func (k *kicks) updateNonEmptyLocked() { k.nonEmpty.Store(len(k.rooms)+len(k.bans) > 0) }

// isOut reports whether the peer of a token was put out.
func (k *kicks) wasKicked(c *claim) bool {
	if !k.nonEmpty.Load() {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.rooms[c.room]
	return r != nil && slices.Contains(r.kicked, c.peer)
}

// refuse reports whether the peer of a token, whose seat is not held, must not
// have it back.
func (k *kicks) blocksResume(c *claim) bool {
	if !k.nonEmpty.Load() {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.rooms[c.room]
	return r != nil && (slices.Contains(r.kicked, c.peer) || c.joined <= r.lastJoined && !slices.Contains(r.seated, c.peer))
}

// last returns until when those joined whom the kicks of that room concern.
func (k *kicks) lastJoined(room string) int64 {
	if !k.nonEmpty.Load() {
		return 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.rooms[roomHash(room)]; r != nil {
		return r.lastJoined
	}
	return 0
}

// bars reports whether the room of that name refuses addr.
func (k *kicks) isBanned(room string, addr netip.Addr) bool {
	if !k.nonEmpty.Load() {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.bans[ban{roomHash(room), netaddr.Client(addr)}] > time.Now().Unix()
}

func (k *kicks) prune() {
	if !k.nonEmpty.Load() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pruneLocked(time.Now())
	k.updateNonEmptyLocked()
}

// pruneLocked forgets what has ended.
func (k *kicks) pruneLocked(now time.Time) {
	for key, r := range k.rooms {
		if r.until <= now.Unix() {
			k.ids -= r.size()
			delete(k.rooms, key)
		}
	}
	for who, until := range k.bans {
		if until <= now.Unix() {
			delete(k.bans, who)
		}
	}
}

// kickState is what a [KickStore] keeps, as JSON. Rooms are hashed.
type kickState struct {
	Version int         `json:"version"`
	Rooms   []kickRoom  `json:"rooms,omitempty"`
	Bans    []banRecord `json:"bans,omitempty"`
}

type kickRoom struct {
	Room  string   `json:"room"`
	Until int64    `json:"until"`
	Out   []string `json:"out"`
	Last  int64    `json:"last,omitempty"`
	Held  []string `json:"held,omitempty"`
}

type banRecord struct {
	Room    string     `json:"room"`
	Address netip.Addr `json:"address"`
	Until   int64      `json:"until"`
}

const kickVersion = 1

// save has the store keep what is remembered now.
func (k *kicks) save() error {
	if k.store == nil {
		return nil
	}
	k.saving.Lock() // the newest state is written last
	defer k.saving.Unlock()
	state := kickState{Version: kickVersion}
	k.mu.Lock()
	for key, r := range k.rooms {
		state.Rooms = append(state.Rooms, kickRoom{hex.EncodeToString(key[:]), r.until, r.kicked, r.lastJoined, r.seated})
	}
	for who, until := range k.bans {
		state.Bans = append(state.Bans, banRecord{hex.EncodeToString(who.room[:]), who.address, until})
	}
	k.mu.Unlock()
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return k.store.Save(text)
}

// load takes what the store kept. With an error there is nothing.
func (k *kicks) load() error {
	k.rooms, k.bans = make(map[[16]byte]*roomKicks), make(map[ban]int64)
	if k.store == nil {
		return nil
	}
	text, err := k.store.Load()
	if err != nil || text == nil {
		return err
	}
	var state kickState
	if err := json.Unmarshal(text, &state); err != nil {
		return err
	}
	if state.Version != kickVersion {
		return fmt.Errorf("version %d is not known", state.Version)
	}
	rooms, ids, err := state.rooms()
	if err != nil {
		return err
	}
	bans, err := state.bans()
	if err != nil {
		return err
	}
	k.rooms, k.bans, k.ids = rooms, bans, ids
	k.pruneLocked(time.Now()) // nobody else knows of k yet
	k.updateNonEmptyLocked()
	return nil
}

func (s *kickState) rooms() (map[[16]byte]*roomKicks, int, error) {
	rooms, ids := make(map[[16]byte]*roomKicks, len(s.Rooms)), 0
	latest := time.Now().Add(ResumeLife).Unix() + 1
	for _, r := range s.Rooms {
		key, err := roomKey(r.Room)
		if err != nil {
			return nil, 0, err
		}
		kept := &roomKicks{until: min(r.Until, latest), kicked: r.Out, lastJoined: r.Last, seated: r.Held}
		rooms[key] = kept
		if ids += kept.size(); ids > maxKickIDs {
			return nil, 0, errTooManyKicks
		}
	}
	return rooms, ids, nil
}

func (s *kickState) bans() (map[ban]int64, error) {
	if len(s.Bans) > maxBans {
		return nil, errTooManyBans
	}
	bans := make(map[ban]int64, len(s.Bans))
	latest := time.Now().Add(MaxBan).Unix()
	for _, b := range s.Bans {
		key, err := roomKey(b.Room)
		if err != nil {
			return nil, err
		}
		bans[ban{key, b.Address}] = min(b.Until, latest)
	}
	return bans, nil
}

func roomKey(text string) (key [16]byte, err error) {
	bytes, err := hex.DecodeString(text)
	if err != nil || len(bytes) != len(key) {
		return key, fmt.Errorf("%q is not the hash of a room", text)
	}
	return [16]byte(bytes), nil
}
