package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// openEvents opens the event stream of a session over plain HTTP, and reads its first byte, which some
// proxies hold back.
func (r *run) openEvents(ctx context.Context, session string) Finding {
	const do = "Needed only where WebSockets are blocked. If you run the server: a proxy in front must not hold event streams back (proxy_buffering off)."
	if session == "" {
		return skipped(PlainHTTP, CheckLimited, "Not checked: the server takes no further connection now.", "Try again in a moment.")
	}
	begun := time.Now()
	if err := r.readEvent(ctx, session); err != nil {
		return fault(PlainHTTP, Fail, PlainHTTPBroken, "Nothing came through.", sentence(err), do)
	}
	took := time.Since(begun)
	return good(PlainHTTP, fmt.Sprintf("Answered in %d ms.", took.Milliseconds())).took(took)
}

func (r *run) readEvent(ctx context.Context, session string) error {
	defer r.closeSession(context.WithoutCancel(ctx), session)
	ctx, cancel := context.WithTimeout(ctx, httpTime)
	defer cancel()
	request, err := r.web.request(ctx, http.MethodGet, "/api/v1/events", r.origin, session)
	if err != nil {
		return err
	}
	response, err := r.web.client.Do(request)
	if err != nil {
		return errors.New("the stream does not begin: " + shortError(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer has the HTTP status %d", response.StatusCode)
	}
	var first [1]byte
	if _, err := io.ReadFull(response.Body, first[:]); err != nil {
		return errors.New("a proxy on the way holds the stream back: " + shortError(err))
	}
	return nil
}

// closeSession leaves. A session that is not closed ends by itself.
func (r *run) closeSession(ctx context.Context, session string) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := r.web.request(ctx, http.MethodDelete, "/api/v1/sessions", r.origin, session)
	if err != nil {
		return
	}
	if response, err := r.web.client.Do(request); err == nil {
		_ = response.Body.Close() // nothing of it is needed
	}
}
