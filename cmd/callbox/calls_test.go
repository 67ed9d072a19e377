package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestCallReports(t *testing.T) {
	t.Parallel()
	c := newCalls()
	for _, report := range []struct{ event, data string }{
		{"connected", `{"setup_ms":420,"path":"direct","protocol":"udp"}`},
		{"connected", `{"setup_ms":1800.5,"path":"relay","protocol":"tls"}`},
		{"connected", `{"setup_ms":3,"path":"relay","protocol":"tls","more":[1]}`},
		{"connected", `{"setup_ms":null,"path":null,"protocol":null}`},
		{"connected", `{"setup_ms":-1,"path":"x\"} 1\n","protocol":"UDP"}`},
		{"connected", `{"setup_ms":600001,"path":"direct","protocol":"udp"}`},
		{"connected", `{"setup_ms":1e300,"path":"direct","protocol":"tcp"}`},
		{"connected", `{"setup_ms":"soon","path":"direct","protocol":"tcp"}`},
		{"connected", `[]`},
		{"connected", `null`},
		{"connected", ``},
		{"lost", `{"setup_ms":420,"path":"direct","protocol":"udp"}`},
	} {
		c.report("p", report.event, json.RawMessage(report.data))
	}
	const want = `
# HELP callbox_calls_connected_total Calls that clients reported as connected, counted once for each side, by path (direct, relay) and by the protocol that the client uses to its peer or relay (udp, tcp, tls).
# TYPE callbox_calls_connected_total counter
callbox_calls_connected_total{path="direct",protocol="tcp"} 1
callbox_calls_connected_total{path="direct",protocol="tls"} 0
callbox_calls_connected_total{path="direct",protocol="udp"} 2
callbox_calls_connected_total{path="relay",protocol="tcp"} 0
callbox_calls_connected_total{path="relay",protocol="tls"} 2
callbox_calls_connected_total{path="relay",protocol="udp"} 0
callbox_calls_connected_total{path="unknown",protocol="unknown"} 3
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), "callbox_calls_connected_total"); err != nil {
		t.Error(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if h := m.GetHistogram(); h != nil {
				got[m.GetLabel()[0].GetValue()] = fmt.Sprintf("%d of %.4f s", h.GetSampleCount(), h.GetSampleSum())
			}
		}
	}
	if want := map[string]string{"direct": "1 of 0.4200 s", "relay": "2 of 1.8035 s"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("set-up times %v, want %v", got, want)
	}
}

// FuzzCallReports checks that clients cannot add labels to metrics.
func FuzzCallReports(f *testing.F) {
	f.Add("connected", `{"setup_ms":420,"path":"direct","protocol":"udp"}`)
	f.Add("connected", `{"setup_ms":-0,"path":"relay","protocol":null}`)
	f.Add("", `null`)
	c := newCalls()
	f.Fuzz(func(t *testing.T, event, data string) {
		c.report("p", event, json.RawMessage(data))
		if n := testutil.CollectAndCount(c); n > 3*4+3 {
			t.Fatalf("%d metrics", n)
		}
	})
}
