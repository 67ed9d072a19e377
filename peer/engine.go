package peer

import (
	"fmt"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/stats"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"callbox/internal/pionlog"
)

// Payload types that this peer offers; RFC 3551 assigns that of PCMU.
const (
	payloadPCMU = 0
	payloadVP8  = 96
	payloadRTX  = 97
)

// relayAcceptanceWait is how long to wait for a direct pair before accepting a
// relayed one, if both are allowed. All other pairs are accepted as soon as they work.
const relayAcceptanceWait = 500 * time.Millisecond

// engine returns the Pion API for one connection. It offers only the codecs VP8 and
// PCMU, so that every browser has to use them.
func engine(cfg *Config, dialer *turnDialer) (*webrtc.API, *counters, error) {
	media := &webrtc.MediaEngine{}
	if err := registerCodecs(media); err != nil {
		return nil, nil, err
	}
	loggers := pionlog.Factory{Log: cfg.Logger}
	registry := &interceptor.Registry{}
	if err := registerInterceptors(media, registry, loggers); err != nil {
		return nil, nil, err
	}
	counting, err := stats.NewInterceptor(stats.WithLoggerFactory(loggers))
	if err != nil {
		return nil, nil, err
	}
	kept := &counters{final: make(map[uint32]stats.Stats)}
	counting.OnNewPeerConnection(kept.setGetter)
	registry.Add(kept)
	registry.Add(counting)
	settings := settingEngine(cfg, dialer)
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(settings)), kept, nil
}

// registerInterceptors registers Pion's default interceptors, except the one that
// counts packets, because engine registers its own.
func registerInterceptors(media *webrtc.MediaEngine, registry *interceptor.Registry, loggers logging.LoggerFactory) error {
	generator, responder := nack.WithGeneratorLoggerFactory(loggers), nack.WithResponderLoggerFactory(loggers)
	if err := webrtc.ConfigureNackWithOptions(media, registry, []nack.GeneratorOption{generator}, responder); err != nil {
		return err
	}
	receiver, sender := report.WithReceiverLoggerFactory(loggers), report.WithSenderLoggerFactory(loggers)
	if err := webrtc.ConfigureRTCPReportsWithOptions(registry, []report.ReceiverOption{receiver}, sender); err != nil {
		return err
	}
	if err := webrtc.ConfigureSimulcastExtensionHeaders(media); err != nil {
		return err
	}
	return webrtc.ConfigureTWCCSenderWithOptions(media, registry, twcc.WithLoggerFactory(loggers))
}

func settingEngine(cfg *Config, dialer *turnDialer) webrtc.SettingEngine {
	settings := webrtc.SettingEngine{LoggerFactory: pionlog.Factory{Log: cfg.Logger}}
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	settings.DisableActiveTCP(true)
	settings.SetIncludeLoopbackCandidate(isLoopback(cfg.Server))
	settings.SetHostAcceptanceMinWait(0)
	settings.SetSrflxAcceptanceMinWait(0)
	settings.SetPrflxAcceptanceMinWait(0)
	settings.SetRelayAcceptanceMinWait(relayAcceptanceWait)
	if cfg.ICE == Relay {
		settings.SetRelayAcceptanceMinWait(0)
	}
	settings.SetICEProxyDialer(dialer)
	settings.SetSCTPMaxMessageSize(maxDataMessage)
	if cfg.Net != nil {
		settings.SetNet(cfg.Net)
	}
	if cfg.SettingEngine != nil {
		cfg.SettingEngine(&settings)
	}
	return settings
}

func registerCodecs(media *webrtc.MediaEngine) error {
	video := []webrtc.RTPCodecParameters{
		{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
				RTCPFeedback: []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}}, // the interceptors add theirs
			},
			PayloadType: payloadVP8,
		},
		{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", payloadVP8),
			},
			PayloadType: payloadRTX,
		},
	}
	for _, c := range video {
		if err := media.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	return media.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000},
		PayloadType:        payloadPCMU,
	}, webrtc.RTPCodecTypeAudio)
}
