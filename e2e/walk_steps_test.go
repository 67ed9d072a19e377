package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// action is something that people do with a page.
type action struct {
	name string
	// can reports whether it makes sense now. failing says that network, server or browser fail.
	can func(w *walker, p *person, failing bool) bool
	do  func(w *walker, p *person)
}

func isThere(_ *walker, p *person, _ bool) bool { return p.there }

// both reports whether there is a call that works.
func both(w *walker, _ *person, failing bool) bool {
	return w.people[0].there && w.people[1].there && !failing
}

func works(_ *walker, p *person, failing bool) bool { return p.there && !failing }

// actions are all things that people do. Some are there twice, because they are done more often.
var actions = []action{
	{"mute", isThere, toggles("mute", "audio")},
	{"mute", isThere, toggles("mute", "audio")},
	{"camera", isThere, toggles("camera", "video")},
	{"camera", isThere, toggles("camera", "video")},
	{"screen", func(_ *walker, p *person, _ bool) bool { return p.there && p.browser.Name() == "chromium" }, sharesScreen},
	{"text", isThere, writes},
	{"text", isThere, writes},
	{"file", both, sendsFile},
	{"panel", isThere, togglesPanel},
	{"microphone", works, choosesMicrophone},
	{"language", isThere, choosesLanguage},
	{"restart of ICE", isThere, restartsICE},
	{"reload", works, reloads},
	{"reload of both", both, reloadsBoth},
	{"hidden address", works, hidesAddress},
	{"leave", isThere, leaves},
	{"rejoin", func(_ *walker, p *person, _ bool) bool { return !p.there }, rejoins},
	{"rejoin", func(_ *walker, p *person, _ bool) bool { return !p.there }, rejoins},
	{"rejoin", func(_ *walker, p *person, _ bool) bool { return !p.there }, rejoins},
}

// act has somebody do something. While something fails, it is somebody whose page answers.
func (w *walker) act(failing bool, people ...*person) {
	w.t.Helper()
	if len(people) == 0 {
		people = w.people[:]
	}
	for {
		p, a := people[w.random.IntN(len(people))], actions[w.random.IntN(len(actions))]
		if !a.can(w, p, failing) {
			continue
		}
		w.note("%s: %s", p.name, a.name)
		a.do(w, p)
		return
	}
}

// clickIfCan clicks a control if it can be used now, and reports whether.
func (p *person) clickIfCan(action string) bool {
	p.t.Helper()
	return eval[bool](p.tab, fmt.Sprintf(`(() => {
		const button = [...document.querySelectorAll('[data-action=%q]')].find((b) => b.checkVisibility() && !b.disabled);
		button?.click();
		return !!button;
	})()`, action))
}

func toggles(action, kind string) func(*walker, *person) {
	return func(_ *walker, p *person) {
		state := "callbox.state.media." + kind
		p.visible(fmt.Sprintf("[data-action=%q]", action))
		// Whoever has just joined again is about to switch on what this would switch.
		p.until(`callbox.state.media.capture !== "asking"`)
		before := eval[bool](p.tab, fmt.Sprintf(`(() => {
			const before = %s;
			[...document.querySelectorAll("[data-action=%s]")].find((b) => b.checkVisibility()).click();
			return before;
		})()`, state, action))
		p.until(fmt.Sprintf("%s === %v", state, !before))
	}
}

func sharesScreen(_ *walker, p *person) {
	before := eval[bool](p.tab, "callbox.state.media.screen")
	if p.clickIfCan("screen") {
		p.until(fmt.Sprintf("callbox.state.media.screen === %v", !before))
	}
}

// opensChat opens the chat, and reports whether something can be sent.
func (p *person) opensChat() bool {
	p.t.Helper()
	const field = `document.querySelector("[data-composer] textarea")`
	if !eval[bool](p.tab, field+"?.checkVisibility() ?? false") {
		if !p.clickIfCan("chat") {
			return false
		}
	}
	return eval[bool](p.tab, `new Promise((done) => setTimeout(() => done(!(`+field+`?.disabled ?? true)), 200))`)
}

func writes(w *walker, p *person) {
	if p.opensChat() {
		p.say(fmt.Sprintf("text %d of %s", len(w.taken), p.name))
	}
}

func sendsFile(w *walker, p *person) {
	other := w.other(p)
	w.settle()
	for _, each := range w.people {
		if !each.opensChat() {
			return
		}
	}
	p.until(`!document.querySelector('[data-action="attach"]').disabled`)
	name := fmt.Sprintf("%d.bin", len(w.taken))
	eval[bool](p.tab, fmt.Sprintf("talk.choose(%q, 0, 5000)", name))
	offered := fmt.Sprintf(`(%s?.textContent.includes(%q) ?? false)`, transfer, name)
	other.until(offered)
	if w.random.IntN(2) == 0 {
		other.clickTransfer("refuse-file")
		p.awaitTransfer("refused")
		return
	}
	other.clickTransfer("take-file")
	p.awaitTransfer("done")
}

func (w *walker) other(p *person) *person {
	if p == w.people[0] {
		return w.people[1]
	}
	return w.people[0]
}

func togglesPanel(_ *walker, p *person) {
	const isOpen = `document.querySelector('[data-dialog="connection"]').open`
	if eval[bool](p.tab, isOpen) {
		p.clickIfCan("close-dialog")
		p.until("!" + isOpen)
		return
	}
	p.clickIfCan("connection") // If the server is away, its modules may be missing.
}

func choosesMicrophone(_ *walker, p *person) {
	eval[any](p.tab, `(() => {
		const select = document.querySelector('[data-dialog="settings"] [data-picker="audioinput"] select');
		select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
		select.dispatchEvent(new Event("change", {bubbles: true}));
		return null;
	})()`)
}

func choosesLanguage(_ *walker, p *person) {
	eval[any](p.tab, `(() => {
		const select = document.querySelector("select[data-language]");
		select.value = select.value === "en" ? "zh" : "en";
		select.dispatchEvent(new Event("change", {bubbles: true}));
		return null;
	})()`)
}

func restartsICE(_ *walker, p *person) {
	eval[any](p.tab, `(callbox.pc?.restartIce(), null)`)
}

func reloads(_ *walker, p *person) {
	p.reload()
	p.enters()
}

func reloadsBoth(w *walker, _ *person) {
	for _, p := range w.people {
		eval[any](p.tab, "(window.old = true, setTimeout(() => location.reload()), null)")
	}
	for _, p := range w.people {
		p.awaitReload()
		p.enters()
	}
}

func hidesAddress(_ *walker, p *person) {
	p.reload()
	eval[any](p.tab, `(document.querySelector('[name="relay"]').click(), null)`)
	p.enters()
}

func leaves(_ *walker, p *person) {
	p.click("leave")
	p.awaitScreen("ended")
	p.there = false
}

func rejoins(_ *walker, p *person) {
	p.click("rejoin")
	p.until(`document.body.dataset.screen !== "ended"`)
	p.there = true
}

// fault is something that stops working until it is healed.
type fault struct {
	name string
	// alone says that the page of the person does not answer meanwhile.
	alone bool
	begin func(w *walker, p *person) (heal func())
}

var faults = []fault{
	{"the server is killed", false, func(w *walker, _ *person) func() {
		w.s.kill(w.t)
		return func() { w.s.startAgain(w.t) }
	}},
	{"TCP connections are reset", false, resetTCP},
	{"UDP is dropped", false, func(w *walker, p *person) func() {
		return addRules(w.t, namespaceOf(sharedLab(w.t), p.at), "chain in {\ntype filter hook input priority 0\nmeta l4proto udp drop\n}")
	}},
	{"the browser is frozen", true, func(w *walker, p *person) func() {
		if err := p.browser.Sleep(); err != nil {
			w.t.Fatal(err)
		}
		return func() {
			if err := p.browser.Wake(); err != nil {
				w.t.Error(err)
			}
		}
	}},
	{"the network is unplugged", false, unplugs},
}

// resetTCP resets the TCP connections of a client to the server, each when it is used the next time.
func resetTCP(w *walker, p *person) (heal func()) {
	w.t.Helper()
	return addRules(w.t, namespaceOf(sharedLab(w.t), p.at),
		"chain out {\ntype filter hook output priority 0\nip daddr 203.0.113.0/24 meta l4proto tcp reject with tcp reset\n}")
}

func unplugs(w *walker, p *person) (plug func()) {
	w.t.Helper()
	up, err := sharedLab(w.t).Unplug(w.t.Context(), namespaceOf(sharedLab(w.t), p.at))
	if err != nil {
		w.t.Fatal(err)
	}
	return func() {
		if err := up(context.Background()); err != nil {
			w.t.Error(err)
		}
	}
}

// fail has something fail for some seconds, in which people do something or not.
func (w *walker) fail() {
	w.t.Helper()
	p, f := w.people[w.random.IntN(len(w.people))], faults[w.random.IntN(len(faults))]
	w.note("%s: %s", p.name, f.name)
	heal := f.begin(w, p)
	defer heal()
	people := w.people[:]
	if f.alone {
		people = []*person{w.other(p)}
	}
	longest := 4 * time.Second
	if *walkFull {
		longest = 12 * time.Second
	}
	w.pause(w.between(time.Second/2, longest))
	for range w.random.IntN(3) {
		w.act(true, people...)
		w.pause(w.between(0, time.Second))
	}
	w.note("%s: healed", strings.TrimPrefix(f.name, "the "))
	w.taken = w.taken[:len(w.taken)-1]
}
