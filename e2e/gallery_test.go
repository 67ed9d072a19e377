package e2e

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"callbox/e2e/browser"
)

var (
	//go:embed gallery.js
	galleryJS string

	galleryFull  = flag.Bool("gallery.full", false, "check every screen in every language, theme and size, and call by keyboard alone in Firefox, too")
	galleryWrite = flag.String("gallery.write", "", "folder to write a picture of every screen to")
)

// look is how a screen is looked at.
type look struct {
	lang, theme string
	size        size
}

type size struct {
	name          string
	width, height int
	scale         float64
	touch         bool
}

var (
	desktop  = size{"desktop", 1280, 800, 1, false}
	phone    = size{"phone", 390, 844, 1.25, true}
	sideways = size{"sideways", 844, 390, 1, true}
)

// looks returns how a view is looked at. In the short form each has one look, and six views
// in a row show both languages, both themes and all sizes.
func (v view) looks(number int) []look {
	switch {
	case *galleryWrite != "" && v.sideways:
		return append(everyLook(desktop, phone), look{"en", "light", sideways}, look{"zh", "light", sideways})
	case *galleryWrite != "":
		return everyLook(desktop, phone)
	case *galleryFull:
		return everyLook(desktop, phone, sideways)
	}
	return []look{
		[]look{
			{"en", "light", desktop},
			{"zh", "dark", phone},
			{"zh", "light", sideways},
			{"en", "dark", desktop},
			{"zh", "light", phone},
			{"en", "dark", sideways},
		}[number%6],
	}
}

func everyLook(sizes ...size) []look {
	var all []look
	for _, lang := range []string{"en", "zh"} {
		for _, theme := range []string{"light", "dark"} {
			for _, size := range sizes {
				all = append(all, look{lang, theme, size})
			}
		}
	}
	return all
}

// gallery walks through every screen and dialog of the page. views has the way.
type gallery struct {
	*server
	whole   *testing.T // the test of all views, to whose end the pages stay open
	t       *testing.T // that of the view
	cast    [2]browser.Browser
	ann, bo *tab
	parts   map[string]bool // of the page; true = has been shown
}

// TestGallery shows every screen and dialog, in both languages, themes and sizes. For each
// it checks that axe-core finds nothing to criticise, that no control is too small for a
// finger or under something else, that nothing is wider than the window, and that an English page says
// nothing in Chinese. A screen or dialog of the page that no view shows is a failure. With -gallery.write it takes the pictures of docs/page.
func TestGallery(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join("..", "frontend", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("%v: make deps installs it", err)
	}
	g := &gallery{server: sharedServer(t), whole: t, parts: map[string]bool{}}
	connectClients(t)
	g.cast = castOf(t, g.server)
	for number, v := range views {
		shown := false
		ok := t.Run(v.name, func(t *testing.T) {
			g.t = t
			for _, tb := range []*tab{g.ann, g.bo} {
				if tb != nil {
					tb.t = t
					tb.setDevice(desktop, false)
				}
			}
			tb := v.show(g)
			shown = true
			for _, l := range v.looks(number) {
				g.look(tb, l, v, string(axe))
			}
			if errs := tb.Errors(); len(errs) > 0 && !v.failing {
				t.Errorf("the page reports errors: %q", errs)
			}
		})
		if !ok && !shown && !v.harmless {
			return // the views after it begin where it ends
		}
	}
	for part, shown := range g.parts {
		if !shown {
			t.Errorf("no view shows the %s of the page: add one to views", part)
		}
	}
}

// castOf returns the browsers of Ann and Bo.
func castOf(t *testing.T, s *server) [2]browser.Browser {
	t.Helper()
	if *galleryWrite == "" {
		return [2]browser.Browser{sharedBrowser(t, "chromium", "a"), sharedBrowser(t, "chromium", "b")}
	}
	return portraits(t, s)
}

// device is a page whose window can be that of a phone.
type device interface {
	SetDevice(ctx context.Context, d browser.Device) error
	Picture(ctx context.Context) ([]byte, error)
}

// look looks at the screen that a page shows.
func (g *gallery) look(tb *tab, l look, v view, axe string) {
	t := tb.t
	t.Helper()
	at := fmt.Sprintf("%s, %s, %s", l.lang, l.theme, l.size.name)
	tb.setDevice(l.size, l.theme == "dark")
	tb.setLanguage(l.lang)
	eval[any](tb, "(() => {"+galleryJS+"\n scrollTo(0, 0)})()")
	// Two frames later all is drawn, transitions of colours too.
	eval[any](tb, `new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() =>
		Promise.allSettled(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished)).then(() => drawn()))))`)
	seen := eval[struct{ All, Shown []string }](tb, "gallery.parts()")
	for _, part := range seen.All {
		g.parts[part] = g.parts[part] || slices.Contains(seen.Shown, part)
	}
	for _, fault := range eval[[]string](tb, "[...gallery.covered(), ...gallery.untranslated()]") {
		// What screen readers were told before the language changed has been said.
		if !strings.HasPrefix(fault, "p unseen ") {
			t.Errorf("%s: %s", at, fault)
		}
	}
	if l.size.touch {
		for _, small := range eval[[]string](tb, "gallery.small()") {
			t.Errorf("%s: %s, a finger needs 44x44", at, small)
		}
	}
	if *galleryWrite != "" {
		writePicture(tb, l, v)
		return
	}
	if l.size != sideways {
		tb.load(axe)
		for _, violation := range eval[[]string](tb, "gallery.violations()") {
			t.Errorf("%s: axe: %s", at, violation)
		}
	}
}

// load loads axe-core unless the page has it.
func (tb *tab) load(axe string) {
	tb.t.Helper()
	if !eval[bool](tb, "!!window.axe") {
		eval[any](tb, "(() => {"+axe+"\n})()")
	}
}

// writePicture writes a picture of what the page shows.
func writePicture(tb *tab, l look, v view) {
	tb.t.Helper()
	// A person who uses a mouse does not see where the focus is.
	eval[any](tb, "document.activeElement.blur()")
	picture, err := tb.Page.(device).Picture(tb.t.Context())
	if err != nil {
		tb.t.Fatal(err)
	}
	name := fmt.Sprintf("%s-%s-%s-%s.webp", v.name, l.size.name, l.lang, l.theme)
	if err := os.WriteFile(filepath.Join(*galleryWrite, name), picture, 0o644); err != nil {
		tb.t.Fatal(err)
	}
}

// setDevice shows the page on a device of that size.
func (tb *tab) setDevice(s size, dark bool) {
	tb.t.Helper()
	page, ok := tb.Page.(device)
	if !ok {
		tb.t.Fatal("the browser cannot show another device")
	}
	if err := page.SetDevice(tb.t.Context(), browser.Device{
		Width: s.width, Height: s.height, Scale: s.scale, Touch: s.touch, Dark: dark,
	}); err != nil {
		tb.t.Fatal(err)
	}
}

// setLanguage chooses a language in the menu of the page, if it has one.
func (tb *tab) setLanguage(lang string) {
	tb.t.Helper()
	eval[any](tb, fmt.Sprintf(`(() => {
		const menu = document.querySelector("[data-language]");
		if (!menu || menu.value === %[1]q) return;
		menu.value = %[1]q;
		menu.dispatchEvent(new Event("change", {bubbles: true}));
	})()`, lang))
	tb.until(fmt.Sprintf(`!document.querySelector("[data-language]") || document.documentElement.lang.startsWith(%q)`, lang))
}

// openIn opens a page in the browser of Ann (0) or Bo (1).
func (g *gallery) openIn(who int, room string, preload ...string) *tab {
	tb := open(g.whole, g.cast[who], g.server, room, url.Values{"lang": {"en"}}, append([]string{chatJS, namedDevices, drawnScreen}, preload...)...)
	tb.t = g.t
	return tb
}

func viewNames() []string {
	var names []string
	for _, v := range views {
		names = append(names, v.name)
	}
	return names
}

// TestPictures checks that docs/page has pictures of every screen, and no others.
func TestPictures(t *testing.T) {
	found := map[string]int{}
	files, err := filepath.Glob(filepath.Join("..", "docs", "page", "*.webp"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), "-"+desktop.name)
		for _, s := range []size{phone, sideways} {
			name, _, _ = strings.Cut(name, "-"+s.name)
		}
		name = strings.TrimSuffix(name, ".webp")
		found[name]++
		if !slices.Contains(viewNames(), name) {
			t.Errorf("%s shows no view: make screenshots", file)
		}
	}
	for _, name := range viewNames() {
		if found[name] < 8 {
			t.Errorf("docs/page has %d pictures of %s: make screenshots", found[name], name)
		}
	}
}
