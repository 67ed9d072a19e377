package peer

import (
	"cmp"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/stats"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"callbox/internal/pionlog"
)

// How long to wait for a direct pair before the call begins over a relay, if both are allowed.
// All other pairs are accepted as soon as they work.
const (
	// Most direct pairs work by then, and the others follow later: see renomination.
	relayAcceptanceWait = 200 * time.Millisecond
	// A call that will not leave its relay waits longer.
	finalRelayAcceptanceWait = 500 * time.Millisecond
)

// defaultKeepSent is several seconds of video.
const defaultKeepSent = 1024

// engine returns the Pion API for one connection. n requests lost packets, and r leaves relays.
func engine(cfg *Config, dialer *turnDialer, n *nacks, r *renomination) (*webrtc.API, *counters, error) {
	media := &webrtc.MediaEngine{}
	if err := registerCodecs(media, cfg); err != nil {
		return nil, nil, err
	}
	loggers := pionlog.Factory{Log: cfg.Logger}
	registry := &interceptor.Registry{}
	counting, err := stats.NewInterceptor(stats.WithLoggerFactory(loggers))
	if err != nil {
		return nil, nil, err
	}
	kept := &counters{final: make(map[uint32]stats.Stats)}
	counting.OnNewPeerConnection(kept.setGetter)
	// First, so next to the network: the others write their RTCP past those that come after them.
	registry.Add(kept)
	registry.Add(counting)
	registry.Add(n)
	if err := registerInterceptors(media, registry, loggers, cfg.KeepSent); err != nil {
		return nil, nil, err
	}
	settings, err := settingEngine(cfg, dialer, r)
	if err != nil {
		return nil, nil, err
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(settings)), kept, nil
}

// registerInterceptors registers Pion's default interceptors, except those that count
// packets and request lost ones, because engine registers its own.
func registerInterceptors(media *webrtc.MediaEngine, registry *interceptor.Registry, loggers logging.LoggerFactory, keepSent int) error {
	size := cmp.Or(uint16(keepSent), defaultKeepSent) //nolint:gosec // checked by Config.Check
	responder, err := nack.NewResponderInterceptor(nack.WithResponderLoggerFactory(loggers), nack.ResponderSize(size))
	if err != nil {
		return err
	}
	media.RegisterFeedback(webrtc.RTCPFeedback{Type: "nack"}, webrtc.RTPCodecTypeVideo)
	media.RegisterFeedback(webrtc.RTCPFeedback{Type: "nack", Parameter: "pli"}, webrtc.RTPCodecTypeVideo)
	registry.Add(responder)
	receiver, sender := report.WithReceiverLoggerFactory(loggers), report.WithSenderLoggerFactory(loggers)
	if err := webrtc.ConfigureRTCPReportsWithOptions(registry, []report.ReceiverOption{receiver}, sender); err != nil {
		return err
	}
	if err := webrtc.ConfigureSimulcastExtensionHeaders(media); err != nil {
		return err
	}
	return webrtc.ConfigureTWCCSenderWithOptions(media, registry, twcc.WithLoggerFactory(loggers))
}

func settingEngine(cfg *Config, dialer *turnDialer, r *renomination) (webrtc.SettingEngine, error) {
	settings := webrtc.SettingEngine{LoggerFactory: pionlog.Factory{Log: cfg.Logger}}
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	settings.DisableActiveTCP(true)
	settings.SetIncludeLoopbackCandidate(isLoopback(cfg.Server))
	settings.SetHostAcceptanceMinWait(0)
	settings.SetSrflxAcceptanceMinWait(0)
	settings.SetPrflxAcceptanceMinWait(0)
	settings.SetRelayAcceptanceMinWait(relayAcceptanceWait)
	switch {
	case cfg.ICE == Relay:
		settings.SetRelayAcceptanceMinWait(0)
	case cfg.StayOnRelay:
		settings.SetRelayAcceptanceMinWait(finalRelayAcceptanceWait)
	case cfg.ICE == All || cfg.ICE == "":
		if err := r.configure(&settings); err != nil {
			return settings, err
		}
	}
	settings.SetICEProxyDialer(dialer)
	if cfg.NoMDNS {
		settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	}
	// What arrives twice is to be counted, and then dropped: see packetMeter.
	settings.DisableSRTPReplayProtection(true)
	settings.SetSCTPMaxMessageSize(maxDataMessage)
	if network, err := newTURNNet(cfg.Net); err == nil { // else the ICE agent will fail for the same reason
		settings.SetNet(network)
	}
	if cfg.KeyLog != nil {
		settings.SetDTLSKeyLogWriter(cfg.KeyLog)
	}
	if cfg.SettingEngine != nil {
		cfg.SettingEngine(&settings)
	}
	return settings, nil
}
