package publicip

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// metadataServer is the metadata service of one cloud: the contents by path, and the header that a request
// must have.
func metadataServer(t *testing.T, header, value string, paths map[string]string, answered http.Header) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range answered {
			w.Header()[name] = values
		}
		path := r.Method + " " + r.URL.Path
		if body, ok := paths[path]; ok && (r.Method == http.MethodPut || r.Header.Get(header) == value) {
			_, _ = w.Write([]byte(body)) // the client may be gone
			return
		}
		http.Error(w, "there is no such path here", http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestFindCloud(t *testing.T) {
	t.Parallel()
	const azureBasic, azureBalancer = "GET /metadata/instance/network/interface/0/ipv4/ipAddress/0/publicIpAddress", "GET /metadata/loadbalancer"
	const googleBase = "GET /computeMetadata/v1/instance/network-interfaces/0/"
	isGoogle := http.Header{"Metadata-Flavor": {"Google"}}
	for _, tc := range []struct {
		name, header, value string
		paths               map[string]string
		answered            http.Header
		want                string // by and addresses; "!" begins a fault
	}{
		{"amazon", "X-aws-ec2-metadata-token", "tok", map[string]string{
			"PUT /latest/api/token": "tok", "GET /latest/meta-data/public-ipv4": "203.0.113.7", "GET /latest/meta-data/ipv6": "2001:db8::7",
		}, nil, "Amazon Web Services [203.0.113.7 2001:db8::7]"},
		{"amazon without", "X-aws-ec2-metadata-token", "tok", map[string]string{"PUT /latest/api/token": "tok", "GET /latest/meta-data/instance-id": "i-1"}, nil, "!Amazon Web Services: the machine has no public address there"},
		{"amazon with another token", "X-aws-ec2-metadata-token", "other", map[string]string{"PUT /latest/api/token": "tok", "GET /latest/meta-data/public-ipv4": "203.0.113.7"}, nil, "!no cloud that is known"},
		{"google", "Metadata-Flavor", "Google", map[string]string{googleBase + "access-configs/0/external-ip": "203.0.113.7\n"}, isGoogle, "Google Cloud [203.0.113.7]"},
		{"google without", "Metadata-Flavor", "Google", map[string]string{googleBase + "access-configs/0/external-ip": ""}, isGoogle, "!Google Cloud: the machine has no public"},
		{"somebody like google", "Metadata-Flavor", "Google", map[string]string{googleBase + "access-configs/0/external-ip": "203.0.113.7"}, nil, "!no cloud that is known"},
		{"azure", "Metadata", "true", map[string]string{azureBasic: "203.0.113.7"}, nil, "Microsoft Azure [203.0.113.7]"},
		{"azure of the standard kind", "Metadata", "true", map[string]string{
			azureBasic: "", azureBalancer: `{"loadbalancer":{"publicIpAddresses":[{"frontendIpAddress":"203.0.113.8","privateIpAddress":"10.0.0.4"}]}}`,
		}, nil, "Microsoft Azure [203.0.113.8]"},
		{"azure without", "Metadata", "true", map[string]string{azureBasic: ""}, nil, "!Microsoft Azure: the machine has no public"},
		{"digital ocean", "", "", map[string]string{
			"GET /metadata/v1/id": "1", "GET /metadata/v1/interfaces/public/0/ipv4/address": "203.0.113.7", "GET /metadata/v1/interfaces/public/0/ipv6/address": "2001:db8::7",
		}, nil, "DigitalOcean [203.0.113.7 2001:db8::7]"},
		{"hetzner", "", "", map[string]string{"GET /hetzner/v1/metadata/instance-id": "1", "GET /hetzner/v1/metadata/public-ipv4": "203.0.113.7"}, nil, "Hetzner Cloud [203.0.113.7]"},
		{"hetzner without", "", "", map[string]string{"GET /hetzner/v1/metadata/instance-id": "1"}, nil, "!Hetzner Cloud: the machine has no public"},
		{"oracle", "Authorization", "Bearer Oracle", map[string]string{"GET /opc/v2/vnics/": `[{"privateIp":"10.0.0.4"}]`}, nil, "!Oracle Cloud: the machine has no public address there that it tells; name the address"},
		{"oracle, if it told", "Authorization", "Bearer Oracle", map[string]string{"GET /opc/v2/vnics/": `[{"privateIp":"10.0.0.4","publicIp":"203.0.113.7","ipv6Addresses":["2001:db8::7"]}]`}, nil, "Oracle Cloud [203.0.113.7 2001:db8::7]"},
		{"nothing known", "", "", nil, nil, "!no cloud that is known here answers at http://127.0.0.1:"},
		{"nonsense", "", "", map[string]string{"GET /hetzner/v1/metadata/instance-id": "1", "GET /hetzner/v1/metadata/public-ipv4": "<html>"}, nil, "!Hetzner Cloud: the machine has no public"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := metadataServer(t, tc.header, tc.value, tc.paths, tc.answered)
			answer, err := (&Finder{Metadata: server.URL + "/"}).Find(t.Context(), mustParse(t, "cloud"))
			if fault, bad := strings.CutPrefix(tc.want, "!"); bad {
				if err == nil || !strings.HasPrefix(err.Error(), "cloud: "+fault) {
					t.Errorf("%+v, %v; want %s", answer, err, fault)
				}
			} else if got := fmt.Sprint(answer.By, " ", answer.Addrs); err != nil || got != tc.want {
				t.Errorf("%s, %v; want %s", got, err, tc.want)
			}
		})
	}
}

// TestFindCloudSafely checks that redirects are not followed, and that a large answer is not read.
func TestFindCloudSafely(t *testing.T) {
	t.Parallel()
	elsewhere := metadataServer(t, "", "", map[string]string{"GET /hetzner/v1/metadata/instance-id": "1", "GET /hetzner/v1/metadata/public-ipv4": "203.0.113.7"}, nil)
	redirecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
	}))
	t.Cleanup(redirecting.Close)
	if answer, err := (&Finder{Metadata: redirecting.URL}).Find(t.Context(), mustParse(t, "cloud")); err == nil {
		t.Errorf("a redirection was followed: %+v", answer)
	}
	huge := metadataServer(t, "", "", map[string]string{
		"GET /hetzner/v1/metadata/instance-id": "1", "GET /hetzner/v1/metadata/public-ipv4": strings.Repeat(" ", maxMetadata) + "203.0.113.7",
	}, nil)
	if answer, err := (&Finder{Metadata: huge.URL}).Find(t.Context(), mustParse(t, "cloud")); err == nil {
		t.Errorf("a huge answer was read: %+v", answer)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if answer, err := (&Finder{Metadata: gone.URL}).Find(t.Context(), mustParse(t, "cloud")); err == nil || !strings.Contains(err.Error(), "no cloud that is known") {
		t.Errorf("without any cloud: %+v, %v", answer, err)
	}
}
