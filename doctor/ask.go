package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"callbox/signaling/protocol"
)

// asked is what the server has answered to POST /api/v1/check.
type asked struct {
	ICEServers     []protocol.ICEServer `json:"iceServers"`
	Mapping        []string             `json:"mapping"`
	LocalAuthority bool                 `json:"localAuthority"`

	now time.Time // by the server's clock; zero = it does not say
}

// askForCheck asks for the credentials of a check, and compares the clocks. The result is nil if there
// are none.
func (r *run) askForCheck(ctx context.Context) (*asked, Finding, Finding) {
	got, answer, refused := r.ask(ctx)
	clock := skipped(Clock, NotFound, "Not checked: the server does not say what time it is.", "")
	if got != nil && !got.date.IsZero() {
		clock = compareClocks(got.date, time.Now().Add(-got.took/2)) //nolint:mnd // half of the way there and back
	}
	if refused != nil {
		return nil, *refused, clock
	}
	return answer, good(Credentials, "The server gives credentials for a check."), clock
}

// ask asks once. An address may do so six times at once, and then once in ten seconds.
func (r *run) ask(ctx context.Context) (*reply, *asked, *Finding) {
	token := r.config.Token
	if !r.trusted {
		token = ""
	}
	got, err := r.web.post(ctx, "/api/v1/check", r.origin, token)
	if err == nil && got.status == http.StatusForbidden && got.code == "forbidden_origin" {
		// Other sites may call, but not check: that is for the server's own page, and for programs.
		got, err = r.web.post(ctx, "/api/v1/check", "", token)
	}
	if err != nil {
		f := fault(Credentials, Fail, ServerUnreachable, "The server did not answer.", sentence(errors.New(shortError(err))), "Check your Internet connection, and check again.")
		return nil, nil, &f
	}
	if f := r.refusal(got); f != nil {
		return got, nil, f
	}
	answer := &asked{now: got.date}
	if err := json.Unmarshal(got.body, answer); err != nil {
		f := fault(Credentials, Fail, NotCallbox, "The answer of the server cannot be understood.", "", "Check that the URL leads to callbox, and that its version is not older than this program's.")
		return got, nil, &f
	}
	return got, answer, nil
}

// leftOut says what cannot be checked without credentials.
const leftOut = "Not checked: UDP, STUN, the NAT, the relays and the size of packets."

// refusal explains why the server gives no credentials; nil = it does.
func (r *run) refusal(got *reply) *Finding {
	var f Finding
	switch {
	case got.status == http.StatusOK:
		return nil
	case got.status == http.StatusUnauthorized && r.config.Token == "":
		f = skipped(Credentials, TokenMissing, leftOut+" The server gives credentials only for a token.", "Name one with --token; callbox token makes it.")
	case got.status == http.StatusUnauthorized && !r.trusted:
		f = skipped(Credentials, TokenWithheld, leftOut+" The token is not sent to a server whose certificate is not valid.",
			"Repair the certificate, or use --insecure if you know that this is the server.")
	case got.status == http.StatusUnauthorized:
		f = fault(Credentials, Fail, TokenRefused, "The server does not accept the token.",
			"It has expired, it was made with another secret, or the clock of one of the two is wrong.", "Make another one with callbox token. "+leftOut)
	case got.status == http.StatusTooManyRequests:
		f = skipped(Credentials, CheckLimited, leftOut+" Your network has checked too often.", fmt.Sprintf("The next check is possible in %d s.", got.after))
	case got.status == http.StatusServiceUnavailable && got.code != "":
		f = skipped(Credentials, CheckBusy, leftOut+" Too many people check their connection now.", "Try again in a moment.")
	default:
		f = fault(Credentials, Fail, NotCallbox, fmt.Sprintf("The server gives no credentials (HTTP status %d).", got.status), "",
			"Check that a proxy in front passes /api/v1/check on. "+leftOut)
	}
	return &f
}
