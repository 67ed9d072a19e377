package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// openSession opens a connection over plain HTTP as a page of the origin does. refused is set if the
// server does not answer as a callbox server: then nothing else can be checked. session may be empty,
// when the server has no room for it.
func (r *run) openSession(ctx context.Context) (session string, origin Finding, refused *Finding) {
	got, err := r.web.post(ctx, "/api/v1/sessions", r.origin, "")
	if err != nil {
		f := fault(Server, Fail, ServerUnreachable, "The server takes the connection, but does not answer.", sentence(errors.New(shortError(err))),
			"Check that callbox runs, and that a proxy in front of it passes requests on.")
		return "", Finding{}, &f
	}
	origin = good(Origin, fmt.Sprintf("Pages of %s may call.", r.origin))
	if got.status == http.StatusForbidden && got.code == "forbidden_origin" {
		origin = r.originRefused()
		// As a program: without an origin nothing else is hidden by the refusal.
		r.origin = ""
		if got, err = r.web.post(ctx, "/api/v1/sessions", "", ""); err != nil {
			return "", origin, nil
		}
	}
	switch {
	case got.status == http.StatusMisdirectedRequest:
		f := fault(Server, Fail, HostRefused, fmt.Sprintf("The server does not answer to the name %s.", r.url.Hostname()),
			"A listener on loopback answers only to names that it knows.", "Start callbox with --host "+r.url.Hostname()+".")
		return "", Finding{}, &f
	case got.status != http.StatusCreated && got.code == "":
		f := fault(Server, Fail, NotCallbox, fmt.Sprintf("Something else than callbox answers (HTTP status %d).", got.status),
			"The URL leads elsewhere, or a proxy in front of the server does not pass /api/ on.",
			"Check the URL; if the server is below a path (--base-path), name the path, too.")
		return "", Finding{}, &f
	}
	var opened struct{ Session string }
	_ = json.Unmarshal(got.body, &opened) // a refusal has none
	return opened.Session, origin, nil
}

func (r *run) originRefused() Finding {
	what := fmt.Sprintf("Pages of %s may not call.", r.origin)
	if r.config.Origin != "" {
		return fault(Origin, Fail, OriginRefused, what, "It is not the server's own origin, and not one that it allows.",
			"If it is a site that may use this server, start callbox with --allow-origin "+r.config.Origin+".")
	}
	return fault(Origin, Fail, OriginRefused, what, "The server sees another host than the one in the URL.",
		"Have the proxy in front pass the Host header on as the browser sent it: proxy_set_header Host $http_host.")
}
