package browser

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

type object = map[string]any

// Chromium is a headless Chromium, controlled over --remote-debugging-pipe.
type Chromium struct {
	*process
	link *link
	in   *os.File

	shared bool // all tabs share their storage

	mu    sync.Mutex
	pages map[string]*chromiumPage // by session
	trace *trace                   // nil = none was started
}

// StartChromium starts `chromium` from PATH. ctx bounds only the start.
func StartChromium(ctx context.Context, o Options) (*Chromium, error) {
	home, err := newHome(ctx, "callbox-chromium-", o)
	if err != nil {
		return nil, err
	}
	// The browser reads commands from descriptor 3 and writes to descriptor 4. A NUL
	// ends each message.
	commands, in, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	out, events, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, commands.Close(), in.Close(), os.RemoveAll(home))
	}
	//nolint:gosec,noctx // G204: the flags are the test's own; Close ends the process, not the start's context
	command := exec.Command("chromium", chromiumFlags(home, o)...)
	command.ExtraFiles = []*os.File{commands, events}
	p, err := start(command, home, o)
	err = errors.Join(err, commands.Close(), events.Close())
	if err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	c := &Chromium{process: p, in: in, shared: o.Profile != "", pages: map[string]*chromiumPage{}}
	c.link = newLink(c.send, c.event)
	go func() {
		defer out.Close() //nolint:errcheck // read to its end
		r := bufio.NewReaderSize(out, 1<<20)
		c.link.run(func() ([]byte, error) {
			text, err := r.ReadBytes(0)
			return text[:max(0, len(text)-1)], err
		})
	}()
	if err := c.link.call(ctx, "", "Browser.getVersion", object{}, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", err, c.log), c.Close()) //nolint:contextcheck // it must work when the context has ended
	}
	return c, nil
}

func chromiumFlags(home string, o Options) []string {
	flags := []string{
		"--headless", "--remote-debugging-pipe", "--user-data-dir=" + home,
		"--no-first-run", "--no-default-browser-check", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-extensions", "--metrics-recording-only", "--disable-breakpad",
		// Each window has a page for its address bar, which costs a sixth of a core.
		"--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
		"--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream",
	}
	if !o.Throttle {
		// Only one tab is in the foreground, but all are tested.
		flags = append(flags, "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows")
	}
	if !o.Ask {
		flags = append(flags, "--use-fake-ui-for-media-stream")
	}
	if o.Video != "" {
		flags = append(flags, "--use-file-for-fake-video-capture="+o.Video)
	}
	if o.Audio != "" {
		flags = append(flags, "--use-file-for-fake-audio-capture="+o.Audio)
	}
	if os.Geteuid() == 0 {
		flags = append(flags, "--no-sandbox") // it refuses to start as root otherwise
	}
	return append(append(flags, o.Flags...), "about:blank")
}

func (c *Chromium) send(text []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.in.SetWriteDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	_, err := c.in.Write(append(text, 0))
	return err
}

func (c *Chromium) event(m message) {
	c.mu.Lock()
	page, trace := c.pages[m.Session], c.trace
	c.mu.Unlock()
	if page != nil {
		page.event(m)
	} else if trace != nil {
		trace.event(m)
	}
}

// Name is "chromium".
func (*Chromium) Name() string { return "chromium" }

// Close ends the browser, see [Browser].
func (c *Chromium) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	// It may end without a reply.
	_ = c.link.call(ctx, "", "Browser.close", object{}, nil)
	err := c.end(3 * time.Second)
	<-c.link.done
	return errors.Join(err, c.in.Close())
}
