package publicip

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	// cloudTimeout bounds one request; on a machine outside of clouds nobody answers.
	cloudTimeout = 2 * time.Second
	maxMetadata  = 64 << 10
)

// errNoPublicAddress is the error of a cloud that answers without a public address.
var errNoPublicAddress = errors.New("the machine has no public address there")

// provider requests the public addresses of this machine from one cloud.
type provider struct {
	name string
	ask  func(ctx context.Context, m *metadata) ([]netip.Addr, error)
}

func providers() []provider {
	return []provider{
		{"Amazon Web Services", amazon},
		{"Google Cloud", google},
		{"Microsoft Azure", azure},
		{"DigitalOcean", digitalOcean},
		{"Hetzner Cloud", hetzner},
		{"Oracle Cloud", oracle},
	}
}

// cloud queries all clouds at once and returns the first answer.
func (f *Finder) cloud(ctx context.Context) (Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the requests still under way
	m := &metadata{base: MetadataURL, client: newMetadataClient()}
	defer m.client.CloseIdleConnections()
	if f.Metadata != "" {
		m.base = strings.TrimSuffix(f.Metadata, "/")
	}
	type result struct {
		by    string
		addrs []netip.Addr
		err   error
	}
	all := providers()
	results := make(chan result, len(all))
	for _, p := range all {
		go func() {
			addrs, err := p.ask(ctx, m)
			results <- result{p.name, addrs, err}
		}()
	}
	var found *result
	var errs []error
	for range all { // until the last one, so that no goroutine outlives this
		r := <-results
		switch {
		case r.err == nil && found == nil:
			found = &r
			cancel()
		case errors.Is(r.err, errNoPublicAddress):
			errs = append(errs, fmt.Errorf("%s: %w", r.by, r.err))
		}
	}
	switch {
	case found != nil:
		return Answer{Addrs: found.addrs, By: found.by}, nil
	case len(errs) > 0:
		return Answer{}, errors.Join(errs...)
	case ctx.Err() != nil:
		return Answer{}, context.Cause(ctx)
	default:
		return Answer{}, fmt.Errorf("no cloud that is known here answers at %s (%s)", m.base, providerNames(all))
	}
}

func providerNames(all []provider) string {
	var texts []string
	for _, p := range all {
		texts = append(texts, p.name)
	}
	return strings.Join(texts, ", ")
}

// metadata is the metadata service of a cloud, which describes a machine to itself.
type metadata struct {
	base   string
	client *http.Client
}

// newMetadataClient returns a client that uses no proxy and follows no redirects, which could
// lead anywhere.
func newMetadataClient() *http.Client {
	return &http.Client{
		Timeout:       cloudTimeout,
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: cloudTimeout}).DialContext},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get returns the contents at a path; header is one header field, "" = none.
func (m *metadata) get(ctx context.Context, method, path, header, value string) (text string, answered http.Header, err error) {
	request, err := http.NewRequestWithContext(ctx, method, m.base+path, http.NoBody)
	if err != nil {
		return "", nil, err
	}
	if header != "" {
		request.Header.Set(header, value)
	}
	response, err := m.client.Do(request)
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxMetadata))
	if err != nil {
		return "", nil, err
	}
	if response.StatusCode != http.StatusOK {
		return "", response.Header, fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return strings.TrimSpace(string(body)), response.Header, nil
}

// parse parses addresses, skipping empty ones, and returns at most one of each family, IPv4
// first.
func parse(texts ...string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, is4 := range []bool{true, false} {
		for _, text := range texts {
			addr, err := netip.ParseAddr(text)
			if err == nil && addr.Unmap().Is4() == is4 && addr.IsGlobalUnicast() {
				addrs = append(addrs, addr.Unmap())
				break
			}
		}
	}
	if len(addrs) == 0 {
		return nil, errNoPublicAddress
	}
	return addrs, nil
}

// amazon uses IMDSv2: it needs a token, which only a program on the machine can get.
func amazon(ctx context.Context, m *metadata) ([]netip.Addr, error) {
	request := func(method, path, header, value string) (string, error) {
		text, _, err := m.get(ctx, method, path, header, value)
		return text, err
	}
	token, err := request(http.MethodPut, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60")
	if err != nil {
		return nil, err
	}
	const header = "X-aws-ec2-metadata-token"
	// A machine without a public address has no such path.
	v4, errV4 := request(http.MethodGet, "/latest/meta-data/public-ipv4", header, token)
	v6, errV6 := request(http.MethodGet, "/latest/meta-data/ipv6", header, token)
	if errV4 != nil && errV6 != nil {
		if _, err := request(http.MethodGet, "/latest/meta-data/instance-id", header, token); err != nil {
			return nil, err
		}
		return nil, errNoPublicAddress
	}
	return parse(v4, v6)
}

func google(ctx context.Context, m *metadata) ([]netip.Addr, error) {
	const base, header, value = "/computeMetadata/v1/instance/network-interfaces/0/", "Metadata-Flavor", "Google"
	v4, answered, err := m.get(ctx, http.MethodGet, base+"access-configs/0/external-ip", header, value)
	if answered.Get(header) != value {
		return nil, errors.Join(err, errors.New("it is not Google's"))
	}
	v6, _, errV6 := m.get(ctx, http.MethodGet, base+"ipv6s", header, value)
	if err != nil && errV6 != nil {
		return nil, errNoPublicAddress
	}
	v6, _, _ = strings.Cut(v6, "\n")
	return parse(v4, v6)
}

// azure has addresses of the basic kind with the interface, and those of the standard kind with
// the load balancer.
func azure(ctx context.Context, m *metadata) ([]netip.Addr, error) {
	const header, value = "Metadata", "true"
	basic, _, err := m.get(ctx, http.MethodGet, "/metadata/instance/network/interface/0/ipv4/ipAddress/0/publicIpAddress?api-version=2021-02-01&format=text", header, value)
	if err != nil {
		return nil, err
	}
	texts := []string{basic}
	// It does not exist for a machine without one.
	text, _, err := m.get(ctx, http.MethodGet, "/metadata/loadbalancer?api-version=2020-10-01", header, value)
	if err == nil {
		var balancer struct {
			LoadBalancer struct {
				PublicIPAddresses []struct {
					FrontendIPAddress string `json:"frontendIpAddress"`
				} `json:"publicIpAddresses"`
			} `json:"loadbalancer"`
		}
		if err := json.Unmarshal([]byte(text), &balancer); err != nil {
			return nil, err
		}
		for _, public := range balancer.LoadBalancer.PublicIPAddresses {
			texts = append(texts, public.FrontendIPAddress)
		}
	}
	return parse(texts...)
}

func digitalOcean(ctx context.Context, m *metadata) ([]netip.Addr, error) {
	const base = "/metadata/v1/interfaces/public/0/"
	if _, _, err := m.get(ctx, http.MethodGet, "/metadata/v1/id", "", ""); err != nil {
		return nil, err
	}
	v4, _, errV4 := m.get(ctx, http.MethodGet, base+"ipv4/address", "", "")
	v6, _, errV6 := m.get(ctx, http.MethodGet, base+"ipv6/address", "", "")
	if errV4 != nil && errV6 != nil {
		return nil, errNoPublicAddress
	}
	return parse(v4, v6)
}

func hetzner(ctx context.Context, m *metadata) ([]netip.Addr, error) {
	const base = "/hetzner/v1/metadata/"
	if _, _, err := m.get(ctx, http.MethodGet, base+"instance-id", "", ""); err != nil {
		return nil, err
	}
	v4, _, err := m.get(ctx, http.MethodGet, base+"public-ipv4", "", "")
	if err != nil {
		return nil, errNoPublicAddress
	}
	return parse(v4)
}

// oracle finds out whether the machine is in Oracle's cloud. That does not report the public IPv4
// address of a machine, so the error says what to do instead.
func oracle(ctx context.Context, m *metadata) ([]netip.Addr, error) {
	text, _, err := m.get(ctx, http.MethodGet, "/opc/v2/vnics/", "Authorization", "Bearer Oracle")
	if err != nil {
		return nil, err
	}
	var interfaces []struct {
		PublicIP string   `json:"publicIp"`
		IPv6     []string `json:"ipv6Addresses"`
	}
	if err := json.Unmarshal([]byte(text), &interfaces); err != nil {
		return nil, err
	}
	var texts []string
	for _, i := range interfaces {
		texts = append(slices.Concat(texts, i.IPv6), i.PublicIP)
	}
	addrs, err := parse(texts...)
	if err != nil || !addrs[0].Is4() {
		return nil, fmt.Errorf("%w that it tells; name the address, or a STUN server as stun:HOST", errNoPublicAddress)
	}
	return addrs, nil
}
