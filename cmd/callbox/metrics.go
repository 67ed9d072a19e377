package main

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"callbox/signaling"
	"callbox/turnserver/datapath"
)

// newRegistry returns the metrics of this process. The parts keep the counters, which
// are read at each scrape.
func (p *turnService) newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collected{"callbox_", p.ownMetrics},
		collected{"callbox_memory_", p.memoryMetrics},
	)
	if p.turn != nil {
		registry.MustRegister(collected{"callbox_turn_", p.turnMetrics})
	}
	return registry
}

func (s *server) newRegistry() *prometheus.Registry {
	registry := s.turnService.newRegistry()
	if s.echo != nil {
		registry.MustRegister(collected{"callbox_", s.echo.metrics})
	}
	registry.MustRegister(collected{"callbox_http_", s.web.metrics}, collected{"callbox_signaling_", s.signalingMetrics}, collected{"callbox_", s.checks.metrics}, s.calls)
	return registry
}

func (b *webLimits) metrics(m sink) {
	c := b.conns.Snapshot()
	m.gauges("connections", "Open TCP connections of the web listeners, by state: waiting for a request, busy with requests, or call = carrying the signaling of a call (WebSockets and event streams).",
		"state", map[string]int{"waiting": c.Waiting, "busy": c.Busy, "call": c.Held})
	m.gauge("addresses", "Client addresses with open TCP connections to the web listeners.", int64(c.Addresses))
	m.counter("connections_displaced_total", "HTTP connections closed to make room for new ones, because there were too many.", c.Displaced)
	m.counters("connections_refused_total", "Connections refused when they were accepted, by reason: too many in all, too many from one address, or no memory left.", "reason", c.Refused)
	m.counters("requests_refused_total", "Requests refused, by reason: too many concurrent requests from one address, or no memory left.",
		"reason", map[string]uint64{"address": b.requests.tooMany.Load(), "memory": b.requests.noMemory.Load()})
}

func (p *turnService) ownMetrics(m sink) {
	m.gauges("build_info", "Version of callbox.", "version", map[string]int{programVersion(): 1})
	if leaf := p.certificates.leaf(); leaf != nil {
		m.gauge("certificate_not_after_seconds", "Expiry of the certificate in use, in seconds since 1970.", leaf.NotAfter.Unix())
	}
}

func (s *server) signalingMetrics(m sink) {
	c := s.signaling.Snapshot()
	m.gauge("rooms", "Rooms with at least one taken seat.", int64(c.Rooms))
	m.gauges("peers", "Taken seats in all rooms, by state: connected, or away = disconnected, with the seat held.", "state", map[string]int{"connected": c.Peers - c.Away, "away": c.Away})
	transports := map[string]int{"websocket": 0, "sse": 0}
	maps.Copy(transports, c.Transports)
	m.gauges("connections", "Open signaling connections, joined or not, by transport.", "transport", transports)
	m.counter("connections_total", "Signaling connections accepted.", c.Accepted)
	m.counter("connections_refused_total", "Signaling handshakes answered with an error.", c.Refused)
	m.counter("frames_total", "Frames received from clients.", c.FramesIn)
	m.counter("frames_bad_total", "Frames answered with bad_frame.", c.BadFrames)
	m.counter("frames_rate_limited_total", "Frames answered with rate_limited.", c.RateLimited)
	m.counters("joins_total", "Joins, by result: a new seat (joined, replaced), the same seat again (resumed, or recovered = without the events that were missed), or the reason for the refusal.", "result", c.Joins)
	m.counter("messages_total", "Messages queued for a receiver, counted once for each receiver.", c.Messages)
	m.histogram("relay_seconds", "Time from the arrival of a message until it is handed to the receiver's connection.", c.Relay)
	m.counters("queue_drops_total", "Messages refused because the receiver's queue was full (queue_full), and peers whose events were dropped because they received none for too long (lost).",
		"reason", map[string]uint64{"queue_full": c.QueueFull, "lost": c.Lost})
	m.counter("reports_total", "Reports received from clients.", c.Reports)
	m.counters("peers_ended_total", "Peers that left or were removed, by reason.", "reason", c.Ended)
	m.counters("closed_total", "Signaling connections closed, by WebSocket close code.", "code", byText(c.Closed))
}

func (p *turnService) turnMetrics(m sink) {
	c := p.turn.Snapshot()
	m.gauge("allocations", "Live allocations.", int64(c.Active))
	m.counter("allocations_created_total", "Allocations created.", c.Created)
	m.reasons("allocations_ended_total", "Allocations ended, by reason: deleted by the client, expired, kicked or revoked by this server, displaced = idle, and closed because others needed its place, client_gone = the client's connection broke, closed = the server was closed, failed = the relay's socket failed.",
		"reason", c.EndedBy, "deleted", "expired", "kicked", "revoked", "displaced", "client_gone", "closed", "failed")
	m.reasons("allocations_refused_total", "Allocations refused because of a limit, or because the server is draining.",
		"reason", c.RefusedAllocations, "user_quota", "address_quota", "total_quota", "draining")
	m.counter("allocations_failed_total", "Allocations that failed because no port or socket was available.", c.FailedAllocations)
	draining := 0
	if c.Draining {
		draining = 1
	}
	m.gauge("draining", "1 while the server drains and creates no new allocations, otherwise 0.", int64(draining))
	m.gauge("revoked_users", "Users whose credentials are refused because they left or were kicked.", int64(c.RevokedUsers))
	m.reasons("auth_failures_total", "Requests whose credentials were rejected, by reason.",
		"reason", c.AuthFailuresBy, "username", "realm", "signature", "expired", "revoked", "user", "guessing")
	m.counters("refusals_total", "Requests refused, by error code; 401 includes the challenge that every client receives first.", "code", byText(c.Refusals))
	m.counter("unauthenticated_withheld_total", "Responses withheld from addresses that had received too many without authenticating.", c.UnauthenticatedWithheld)
	m.reasons("denied_peers_total", "Permissions and channels refused by policy, by rule: the built-in range, or configured.", "rule", c.DeniedBy, "configured")
	m.counter("denied_packets_total", "Datagrams from or to peers that the policy denies.", c.DeniedPackets)
	m.gauge("connections", "Open TCP and TLS connections of clients.", int64(c.Connections))
	m.counter("connections_refused_total", "Connections closed at once because there were too many, from their address or in all.", c.RefusedConnections)
	m.counter("connections_displaced_total", "Connections without an allocation closed to make room for new ones, because there were too many in all.", c.DisplacedConnections)
	m.counters("dropped_packets_total", "Datagrams that were not relayed, by cause.", "cause", c.Drops)
	m.relayed("to_peers", "from clients to peers", c.Path.Traffic.ToPeers)
	m.relayed("from_peers", "from peers to clients", c.Path.Traffic.FromPeers)
	m.dataPath(c.Path)
}

// relayed exports the traffic of one direction, by path.
func (m sink) relayed(direction, whom string, flow datapath.Flow) {
	const help = " relayed %s, by path: in a channel, in an indication, or short_cut = directly to another relay of this server."
	packets, bytes := map[string]uint64{}, map[string]uint64{}
	for path, count := range map[string]datapath.Count{"channel": flow.Channel, "indication": flow.Indication, "short_cut": flow.ShortCut} {
		packets[path], bytes[path] = count.Packets, count.Bytes
	}
	m.counters(direction+"_packets_total", fmt.Sprintf("Datagrams"+help, whom), "path", packets)
	m.counters(direction+"_bytes_total", fmt.Sprintf("Bytes"+help, whom), "path", bytes)
}

// dataPath exports how the sockets were read and written.
func (m sink) dataPath(s datapath.Stats) {
	m.counter("bindings_total", "Binding requests answered.", s.Bindings)
	calls := map[string]uint64{}
	for class, n := range s.Batches {
		most := strconv.Itoa(1 << class)
		if class == len(s.Batches)-1 {
			most = "more"
		}
		calls[most] = n
	}
	m.counters("receive_calls_total", "System calls that received datagrams, by the number of datagrams received, rounded up to a power of two.", "datagrams", calls)
	m.counter("receive_overflows_total", "Datagrams that the kernel dropped because a receive buffer was full.", s.Overflows)
	m.counter("coalesced_packets_total", "Datagrams that the kernel delivered as part of a larger one (UDP_GRO).", s.Coalesced)
	m.counter("segmented_packets_total", "Datagrams passed to the kernel as part of a larger one (UDP_SEGMENT).", s.Segmented)
}

// byText turns numbers into labels.
func byText[V any](byNumber map[int]V) map[string]V {
	labelled := make(map[string]V, len(byNumber))
	for number, value := range byNumber {
		labelled[strconv.Itoa(number)] = value
	}
	return labelled
}

// collected collects the metrics of a part, under names that begin with prefix.
type collected struct {
	prefix string
	read   func(sink)
}

// Describe sends nothing: which metrics there are is known only when they are read.
func (collected) Describe(chan<- *prometheus.Desc) {}

func (c collected) Collect(metrics chan<- prometheus.Metric) {
	c.read(sink{c.prefix, metrics})
}

// sink exports metrics, under names that begin with prefix.
type sink struct {
	prefix  string
	metrics chan<- prometheus.Metric
}

func (m sink) gauge(name, help string, value int64) {
	m.metrics <- prometheus.MustNewConstMetric(m.desc(name, help), prometheus.GaugeValue, float64(value))
}

func (m sink) counter(name, help string, value uint64) {
	m.metrics <- prometheus.MustNewConstMetric(m.desc(name, help), prometheus.CounterValue, float64(value))
}

func (m sink) gauges(name, help, label string, values map[string]int) {
	desc := m.desc(name, help, label)
	for labelled, value := range values {
		m.metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), labelled)
	}
}

func (m sink) counters(name, help, label string, values map[string]uint64) {
	desc := m.desc(name, help, label)
	for labelled, value := range values {
		m.metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labelled)
	}
}

// reasons exports counters by reason; the known reasons are exported even when they
// are 0.
func (m sink) reasons(name, help, label string, values map[string]uint64, known ...string) {
	all := make(map[string]uint64, len(known))
	for _, reason := range known {
		all[reason] = 0
	}
	maps.Copy(all, values)
	m.counters(name, help, label, all)
}

// histogram exports counts of single buckets as the cumulative ones that Prometheus
// expects.
func (m sink) histogram(name, help string, h signaling.Histogram) {
	buckets := make(map[float64]uint64, len(h.Bounds))
	var total uint64
	for i, count := range h.Counts {
		total += count
		if i < len(h.Bounds) {
			buckets[h.Bounds[i]] = total
		}
	}
	m.metrics <- prometheus.MustNewConstHistogram(m.desc(name, help), total, h.Sum, buckets)
}

func (m sink) desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(m.prefix+name, help, labels, nil)
}
