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

// The bounds of what is remembered of kicks: peer ids, and banned addresses.
const (
	maxKickIDs = 100_000
	maxBans    = 10_000
	// maxSeated is the largest number of seats in a room for which a kick
	// remembers the peers that hold them.
	maxSeated = 1000
)

// MaxBan is the longest time for which [Server.Kick] bans an address.
const MaxBan = 30 * 24 * time.Hour

// KickStore stores which peers the operator kicked, so that a restart admits
// none of them again. Its methods may block.
type KickStore interface {
	// Load returns what was saved last; nil means that nothing was saved.
	Load() ([]byte, error)
	// Save replaces what was saved.
	Save(state []byte) error
}

// kicks remembers the peers that the operator kicked, until every token from
// before has expired.
//
// A client that is kicked may hold tokens of other seats that it had in the same
// room, and nothing says whose they are. So a kick invalidates the tokens of all
// seats that nobody holds at that time: the clients that come back with them
// must join anew.
type kicks struct {
	store  KickStore  // nil = a restart forgets
	saving sync.Mutex // held while the store writes

	nonEmpty atomic.Bool // there is something to look up: without it, joins do without the lock

	mu    sync.Mutex // guards the following; may be locked while a shard is
	rooms map[[16]byte]*roomKicks
	bans  map[ban]int64 // until when, in seconds since 1970
	ids   int           // in all rooms
}

// roomKicks is what the kicks in one room refuse.
type roomKicks struct {
	until  int64    // in seconds since 1970: no token from before is valid for longer
	kicked []string // the peers that were kicked
	// A token is refused if its peer joined at or before lastJoined (see
	// session.joined) and is not in seated, the peers that held a seat at the last
	// kick: it could be a spare token of the one who was kicked.
	lastJoined int64 // as session.joined
	seated     []string
}

func (r *roomKicks) size() int { return len(r.kicked) + len(r.seated) }

// ban is an address that a room refuses.
type ban struct {
	room    [16]byte
	address netip.Addr // in the form of netaddr.Client
}

var (
	errTooManyKicks = fmt.Errorf("more than %d peers are remembered", maxKickIDs)
	errTooManyBans  = fmt.Errorf("more than %d addresses are refused", maxBans)
)

// add remembers that s is kicked from its room, and bans its address for banFor;
// 0 = no ban. The shard of s must be locked. The error names what was not
// remembered because a bound is reached.
func (k *kicks) add(s *session, banFor time.Duration) error {
	now := time.Now()
	key := roomHash(s.room.name)
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.updateNonEmptyLocked()
	k.pruneLocked(now)
	var faults []error
	if banFor > 0 {
		who := ban{key, netaddr.Client(s.from)}
		if _, known := k.bans[who]; !known && len(k.bans) >= maxBans {
			faults = append(faults, errTooManyBans)
		} else {
			k.bans[who] = max(k.bans[who], now.Add(banFor).Unix())
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

// updateNonEmptyLocked records whether there is anything to look up.
func (k *kicks) updateNonEmptyLocked() { k.nonEmpty.Store(len(k.rooms)+len(k.bans) > 0) }

// wasKicked reports whether the peer of a token was kicked.
func (k *kicks) wasKicked(c *claim) bool {
	if !k.nonEmpty.Load() {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.rooms[c.room]
	return r != nil && slices.Contains(r.kicked, c.peer)
}

// blocksResume reports whether the peer of a token, whose seat nobody holds,
// must not have it back.
func (k *kicks) blocksResume(c *claim) bool {
	if !k.nonEmpty.Load() {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.rooms[c.room]
	return r != nil && (slices.Contains(r.kicked, c.peer) || c.joined <= r.lastJoined && !slices.Contains(r.seated, c.peer))
}

// lastJoined returns the latest join time among the peers that the kicks in that
// room concern.
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

// isBanned reports whether the room of that name refuses addr.
func (k *kicks) isBanned(room string, addr netip.Addr) bool {
	if !k.nonEmpty.Load() {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.bans[ban{roomHash(room), netaddr.Client(addr)}] > time.Now().Unix()
}

// prune removes the kicks and bans that have expired.
func (k *kicks) prune() {
	if !k.nonEmpty.Load() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pruneLocked(time.Now())
	k.updateNonEmptyLocked()
}

// pruneLocked removes the kicks and bans that have expired. k.mu must be held.
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

// kickState is what a [KickStore] stores, as JSON. The names of rooms are
// hashed.
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

// save makes the store save what is remembered now.
func (k *kicks) save() error {
	if k.store == nil {
		return nil
	}
	k.saving.Lock() // so that the newest state is written last
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

// load restores what the store has saved. With an error, nothing is restored.
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
	k.pruneLocked(time.Now()) // no lock is needed: k is not in use yet
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
