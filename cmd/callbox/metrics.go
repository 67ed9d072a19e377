package main

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// newRegistry returns the metrics of this process. The parts count by
// themselves; what they counted is read when somebody asks.
func (s *server) newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		snapshots{s},
	)
	return registry
}

// snapshots collects what the parts counted.
type snapshots struct{ server *server }

// Describe sends nothing: which metrics there are depends on what is served.
func (snapshots) Describe(chan<- *prometheus.Desc) {}

func (c snapshots) Collect(metrics chan<- prometheus.Metric) {
	out := sink(metrics)
	out.labelled("callbox_build_info", "Version of callbox.", prometheus.GaugeValue, 1, "version", programVersion())
	if leaf := c.server.certificates.leaf(); leaf != nil {
		out.gauge("callbox_certificate_not_after_seconds", "End of the certificate in use, in seconds since 1970.", leaf.NotAfter.Unix())
	}
	c.signaling(out)
	if c.server.turn != nil {
		c.turn(out)
	}
}

func (c snapshots) signaling(out sink) {
	s := c.server.signaling.Snapshot()
	out.gauge("callbox_signaling_connections", "Open signaling connections, joined or not.", int64(s.Connections))
	out.gauge("callbox_signaling_rooms", "Rooms with somebody in them.", int64(s.Rooms))
	out.gauge("callbox_signaling_peers", "Taken seats in all rooms.", int64(s.Peers))
	out.counter("callbox_signaling_connections_total", "Signaling connections made.", s.Accepted)
	out.counter("callbox_signaling_connections_refused_total", "Signaling handshakes answered with an error.", s.Refused)
	out.counter("callbox_signaling_frames_total", "Frames from clients.", s.FramesIn)
	out.counter("callbox_signaling_frames_bad_total", "Frames answered with bad_frame.", s.BadFrames)
	out.counter("callbox_signaling_frames_rate_limited_total", "Frames answered with rate_limited.", s.RateLimited)
	out.counter("callbox_signaling_joins_total", "Joins answered with joined.", s.Joined)
	out.counter("callbox_signaling_joins_full_total", "Joins answered with full.", s.Full)
	out.counter("callbox_signaling_messages_total", "Messages queued for a receiver, each receiver counted.", s.Messages)
	out.counter("callbox_signaling_messages_queue_full_total", "Messages that found a receiver's queue full.", s.QueueFull)
	out.counter("callbox_signaling_reports_total", "Reports of clients.", s.Reports)
	for code, n := range s.Closed {
		out.labelled("callbox_signaling_closed_total", "Signaling connections ended, by WebSocket close code.",
			prometheus.CounterValue, float64(n), "code", strconv.Itoa(code))
	}
}

func (c snapshots) turn(out sink) {
	s := c.server.turn.Snapshot()
	out.gauge("callbox_turn_allocations", "Live allocations.", int64(s.Active))
	out.counter("callbox_turn_allocations_created_total", "Allocations made.", s.Created)
	out.counter("callbox_turn_allocations_ended_total", "Allocations ended.", s.Ended)
	out.counter("callbox_turn_allocations_failed_total", "Allocations not made for want of a port or socket.", s.FailedAllocations)
	out.counter("callbox_turn_auth_failures_total", "Requests whose credential was not accepted.", s.AuthFailures)
	out.counter("callbox_turn_denied_peers_total", "Permissions and channels refused by policy.", s.DeniedPeers)
	out.counter("callbox_turn_denied_packets_total", "Datagrams from and to peers that policy forbids.", s.DeniedPackets)
	out.gauge("callbox_turn_connections", "Open TCP and TLS connections of clients.", int64(s.Connections))
	out.counter("callbox_turn_connections_refused_total", "Connections closed because their address had too many.", s.RefusedConnections)
	out.counter("callbox_turn_to_peers_packets_total", "Datagrams relayed for clients.", s.ToPeers.Packets)
	out.counter("callbox_turn_to_peers_bytes_total", "Bytes relayed for clients.", s.ToPeers.Bytes)
	out.counter("callbox_turn_from_peers_packets_total", "Datagrams relayed to clients.", s.FromPeers.Packets)
	out.counter("callbox_turn_from_peers_bytes_total", "Bytes relayed to clients.", s.FromPeers.Bytes)
}

// sink takes metrics.
type sink chan<- prometheus.Metric

func (out sink) gauge(name, help string, value int64) {
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, float64(value))
}

func (out sink) counter(name, help string, value uint64) {
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, float64(value))
}

func (out sink) labelled(name, help string, kind prometheus.ValueType, value float64, label, labelValue string) {
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, []string{label}, nil), kind, value, labelValue)
}
