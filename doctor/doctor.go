package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// Schema names the format of a Report as JSON.
	Schema = "callbox/doctor/1"
	// MaxTime bounds a whole run.
	MaxTime = 10 * time.Second

	reachTime = 3 * time.Second // to connect to the server
	httpTime  = 3 * time.Second // for one answer of the server
)

// Config says what to check.
type Config struct {
	// Server is the server's http or https URL.
	Server string
	// Token is a join token, for servers that require one; "" = none.
	Token string
	// Origin is that of the page that calls, such as https://site.example; "" = the server's own.
	Origin string
	// Roots are the authorities that certificates are verified with; nil = the system's.
	Roots *x509.CertPool
	// Insecure makes do with any certificate. What is wrong with it is reported all the same.
	Insecure bool
	// Logger receives debug messages; nil = none.
	Logger *slog.Logger
}

// Report is the result of Run.
type Report struct {
	Schema string `json:"schema"`
	Server string `json:"server"`
	// Result is the worst level of the findings: OK, Warn or Fail.
	Result Level `json:"result"`
	// Complete reports whether everything was checked that can be checked.
	Complete bool `json:"complete"`
	// Summary says in words what the findings mean for a call.
	Summary  string    `json:"summary"`
	Findings []Finding `json:"findings"`
}

// Finding returns that of a check; nil = there is none.
func (r *Report) Finding(check Check) *Finding {
	for i := range r.Findings {
		if r.Findings[i].Check == check {
			return &r.Findings[i]
		}
	}
	return nil
}

// run is one run of all checks.
type run struct {
	config Config
	url    *url.URL // of the server, without a slash at its end
	web    *web

	// Known once the checks of the server have ended:
	at      netip.Addr // where the server answers; it may be a proxy in front of it
	trusted bool       // the certificate is valid, or the user does not mind
	origin  string     // to send; "" = none
}

// Run makes all checks and takes at most MaxTime. The error is about config, or that of ctx.
func Run(ctx context.Context, config Config) (*Report, error) {
	r, err := newRun(config)
	if err != nil {
		return nil, err
	}
	defer r.web.close()
	bounded, cancel := context.WithTimeoutCause(ctx, MaxTime, errors.New("no answer in time"))
	defer cancel()
	findings := r.checkAll(bounded)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	report := &Report{Schema: Schema, Server: r.url.String(), Findings: judge(findings)}
	report.sum()
	return report, nil
}

func newRun(config Config) (*run, error) {
	u, err := url.Parse(config.Server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("%q is not the address of a server, such as https://call.example.org", config.Server)
	}
	u.Path, u.RawQuery, u.Fragment = strings.TrimSuffix(u.Path, "/"), "", ""
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	r := &run{config: config, url: u, origin: config.Origin}
	if r.origin == "" {
		r.origin = u.Scheme + "://" + strings.ToLower(u.Host)
	}
	r.web = newWeb(u)
	return r, nil
}

// checkAll makes the checks of the server, and then those of the network with what it says.
func (r *run) checkAll(ctx context.Context) []Finding {
	server, certificate := r.reach(ctx)
	findings := append([]Finding{server}, certificate...)
	if server.Level == Fail {
		return findings
	}
	session, origin, refused := r.openSession(ctx)
	if refused != nil {
		findings[0] = *refused
		return findings
	}
	findings = append(findings, origin)
	var socket, stream, clock, credentials Finding
	var asked *asked
	var all sync.WaitGroup
	all.Go(func() { socket = r.openWebSocket(ctx) })
	all.Go(func() { stream = r.openEvents(ctx, session) })
	all.Go(func() { asked, credentials, clock = r.askForCheck(ctx) })
	all.Wait()
	findings = append(findings, socket, stream, clock, credentials)
	if asked != nil {
		acceptLocalAuthority(findings, asked)
		findings = append(findings, r.checkNetwork(ctx, asked)...)
	}
	return findings
}

// tlsConfig returns the configuration for a server that the token and the credentials go to.
func (r *run) tlsConfig(name string) *tls.Config {
	return &tls.Config{
		ServerName: name, RootCAs: r.config.Roots, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: r.config.Insecure, //nolint:gosec // what the user asked for
	}
}
