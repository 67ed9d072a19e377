package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds what is read of an answer.
const maxBody = 64 << 10

// web sends requests to the server. It accepts every certificate, so that one that is not valid hides no
// other fault: see run.trusted for what is kept from such a server.
type web struct {
	base   *url.URL
	client *http.Client
}

func newWeb(base *url.URL) *web {
	return &web{base: base, client: &http.Client{
		// A redirect leads to another server, or from http to https: that is for the user to name.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{TLSClientConfig: anyCertificate(base.Hostname()), ForceAttemptHTTP2: true},
	}}
}

// anyCertificate returns a configuration that accepts every certificate.
func anyCertificate(name string) *tls.Config {
	return &tls.Config{
		ServerName: name, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // the certificate is checked by itself, see certificate.go
	}
}

func (w *web) close() { w.client.CloseIdleConnections() }

// request returns a request for a path below the server's URL.
func (w *web) request(ctx context.Context, method, path, origin, bearer string) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, w.base.String()+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Cache-Control", "no-store")
	if origin != "" {
		request.Header.Set("Origin", origin)
	}
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	return request, nil
}

// reply is an answer that has been read.
type reply struct {
	status int
	code   string // of an error, in the server's own words; "" = the answer is not the server's, or no error
	after  int    // seconds to wait, if it says so
	date   time.Time
	took   time.Duration
	body   []byte
}

// post sends a request without a body and reads the answer.
func (w *web) post(ctx context.Context, path, origin, bearer string) (*reply, error) {
	ctx, cancel := context.WithTimeout(ctx, httpTime)
	defer cancel()
	request, err := w.request(ctx, http.MethodPost, path, origin, bearer)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	response, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	got := &reply{status: response.StatusCode, took: time.Since(begun)}
	if got.body, err = io.ReadAll(io.LimitReader(response.Body, maxBody)); err != nil {
		return nil, err
	}
	got.after, _ = strconv.Atoi(response.Header.Get("Retry-After")) // 0 = it does not say
	got.date, _ = http.ParseTime(response.Header.Get("Date"))       // zero = it does not say
	got.code = codeIn(got.body)
	return got, nil
}

// codeIn returns the code in the body of a refusal; "" = it is not one of the server.
func codeIn(body []byte) string {
	var refusal struct{ Code string }
	if json.Unmarshal(body, &refusal) != nil {
		return ""
	}
	return strings.TrimSpace(refusal.Code)
}
