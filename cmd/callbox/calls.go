package main

import (
	"encoding/json"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// reportConnected is the event that a client reports once a call is
	// connected.
	reportConnected = "connected"
	// maxSetup is the longest setup time that is plausible.
	maxSetup = 10 * time.Minute
	// unknown is the label for a missing or an unknown value.
	unknown = "unknown"
)

// calls counts the calls that clients report, once for each side. Clients are not
// trusted: only plausible values count, and clients cannot add labels.
type calls struct {
	connected *prometheus.CounterVec
	setup     *prometheus.HistogramVec
}

func newCalls() *calls {
	c := &calls{
		connected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbox_calls_connected_total",
			Help: "Calls that clients reported as connected, counted once for each side, by path (direct, relay) and by the protocol that the client uses to its peer or relay (udp, tcp, tls).",
		}, []string{"path", "protocol"}),
		setup: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "callbox_call_setup_seconds",
			Help:    "Time from both peers being in the room to the call being connected, as reported by clients, by path.",
			Buckets: []float64{0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 15, 30, 60},
		}, []string{"path"}),
	}
	// Metrics are exported as 0 before the first event.
	for _, path := range []string{"direct", "relay"} {
		c.setup.WithLabelValues(path)
		for _, protocol := range []string{"udp", "tcp", "tls"} {
			c.connected.WithLabelValues(path, protocol)
		}
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *calls) Describe(descs chan<- *prometheus.Desc) {
	c.connected.Describe(descs)
	c.setup.Describe(descs)
}

// Collect implements prometheus.Collector.
func (c *calls) Collect(metrics chan<- prometheus.Metric) {
	c.connected.Collect(metrics)
	c.setup.Collect(metrics)
}

// report counts a report of a client, see signaling.Config. Unknown events and invalid
// data are ignored.
func (c *calls) report(_, event string, data json.RawMessage) {
	if event != reportConnected {
		return
	}
	var reported struct {
		SetupMS  *float64 `json:"setup_ms"`
		Path     string   `json:"path"`
		Protocol string   `json:"protocol"`
	}
	if json.Unmarshal(data, &reported) != nil {
		return
	}
	path, protocol := unknown, unknown
	switch reported.Path {
	case "direct":
		path = "direct"
	case "relay":
		path = "relay"
	}
	switch reported.Protocol {
	case "udp", "tcp", "tls":
		protocol = reported.Protocol
	}
	c.connected.WithLabelValues(path, protocol).Inc()
	if ms := reported.SetupMS; ms != nil && *ms >= 0 && *ms <= float64(maxSetup.Milliseconds()) {
		c.setup.WithLabelValues(path).Observe(*ms / float64(time.Second/time.Millisecond))
	}
}
