package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// firefoxPrefs make Firefox use a fake camera and a fake microphone, and send no
// requests of its own.
const firefoxPrefs = `user_pref("media.navigator.streams.fake", true);
user_pref("media.autoplay.default", 0);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("media.gmp-manager.updateEnabled", false);
user_pref("app.update.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.page", 0);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,#remote-settings-dummy/v1");
user_pref("browser.safebrowsing.downloads.enabled", false);
user_pref("network.proxy.type", 0);
user_pref("toolkit.cosmeticAnimations.enabled", false);
`

// Firefox is a headless Firefox, controlled by WebDriver BiDi.
type Firefox struct {
	*process
	link *link
	conn *websocket.Conn

	shared bool // all tabs share their storage

	mu    sync.Mutex
	pages map[string]*firefoxPage // by browsing context
}

// StartFirefox starts `firefox-esr`, or `firefox`, from PATH. ctx bounds only the
// start.
func StartFirefox(ctx context.Context, o Options) (*Firefox, error) {
	program, err := exec.LookPath("firefox-esr")
	if err != nil {
		program = "firefox"
	}
	home, err := newHome(ctx, "callbox-firefox-", o)
	if err != nil {
		return nil, err
	}
	prefs := firefoxPrefs + o.Prefs
	if !o.Ask {
		prefs += "user_pref(\"media.navigator.permission.disabled\", true);\n"
	}
	if err := os.WriteFile(filepath.Join(home, "user.js"), []byte(prefs), 0o600); err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	flags := append([]string{"--headless", "--no-remote", "--remote-debugging-port=0", "--profile", home}, o.Flags...)
	//nolint:gosec,noctx // G204: the flags are the test's own; Close ends the process, not the start's context
	p, err := start(exec.Command(program, flags...), home, o)
	if err != nil {
		return nil, err
	}
	f := &Firefox{process: p, shared: o.Profile != "", pages: map[string]*firefoxPage{}}
	if err := f.connect(ctx, o); err != nil {
		return nil, errors.Join(err, f.Close()) //nolint:contextcheck // it must work when the context has ended
	}
	return f, nil
}

func (f *Firefox) connect(ctx context.Context, o Options) error {
	address, err := f.log.find(ctx, regexp.MustCompile(`WebDriver BiDi listening on (ws://\S+)`), f.ended)
	if err != nil {
		return err
	}
	dialer := websocket.Dialer{NetDialContext: o.Dial, HandshakeTimeout: 10 * time.Second}
	conn, response, err := dialer.DialContext(ctx, address+"/session", nil)
	if err != nil {
		return fmt.Errorf("dial %s: %w", address, err)
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	f.conn = conn
	f.link = newLink(f.send, f.event)
	go f.link.run(func() ([]byte, error) {
		_, text, err := conn.ReadMessage()
		return text, err
	})
	capabilities := object{"capabilities": object{"alwaysMatch": object{"acceptInsecureCerts": false}}}
	if err := f.link.call(ctx, "", "session.new", capabilities, nil); err != nil {
		return err
	}
	events := []string{"log.entryAdded", "network.beforeRequestSent", "network.responseCompleted", "network.fetchError"}
	return f.link.call(ctx, "", "session.subscribe", object{"events": events}, nil)
}

func (f *Firefox) send(text []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.conn.SetWriteDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	return f.conn.WriteMessage(websocket.TextMessage, text)
}

// Name is "firefox".
func (*Firefox) Name() string { return "firefox" }

// Close ends the browser, see [Browser]. In a network without a route to the
// Internet, Firefox needs seconds to end by itself, so it is killed after one.
func (f *Firefox) Close() error {
	if f.link == nil {
		return f.end(0)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = f.link.call(ctx, "", "browser.close", object{}, nil)
	err := f.end(time.Second)
	_ = f.conn.Close()
	<-f.link.done
	return err
}
