package peertest

import (
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/transport/v5/vnet"
	"github.com/pion/webrtc/v4"

	"callbox/peer"
	"callbox/turnserver"
)

// Kind is a kind of NAT.
type Kind int

// The kinds, by the behaviour of mapping and filtering (RFC 4787). Most homes have a
// PortRestricted one; many companies and mobile networks have a Symmetric one.
const (
	None              Kind = iota // a public address
	FullCone                      // one mapping for all destinations; anybody may answer
	AddressRestricted             // one mapping; only addresses that were sent to may answer
	PortRestricted                // one mapping; only addresses and ports that were sent to may answer
	Symmetric                     // a mapping for each address and port
)

// String returns the kind in words.
func (k Kind) String() string {
	return [...]string{"none", "full cone", "address-restricted", "port-restricted", "symmetric"}[k]
}

func (k Kind) vnet() *vnet.NATType {
	switch k {
	case FullCone:
		return &vnet.NATType{MappingBehavior: vnet.EndpointIndependent, FilteringBehavior: vnet.EndpointIndependent}
	case AddressRestricted:
		return &vnet.NATType{MappingBehavior: vnet.EndpointIndependent, FilteringBehavior: vnet.EndpointAddrDependent}
	case PortRestricted:
		return &vnet.NATType{MappingBehavior: vnet.EndpointIndependent, FilteringBehavior: vnet.EndpointAddrPortDependent}
	default:
		return &vnet.NATType{MappingBehavior: vnet.EndpointAddrPortDependent, FilteringBehavior: vnet.EndpointAddrPortDependent}
	}
}

// building is held while a virtual network is built, because vnet counts MAC addresses in
// a variable that all networks share.
var building sync.Mutex //nolint:gochecknoglobals // see above

// The virtual internet.
const (
	internet    = "203.0.113.0/24" // RFC 5737
	turnAddress = "203.0.113.1"
	outside     = "203.0.113.1%d" // of Ann's NAT (1) and of Bo's (2)
	home        = "10.%d.0.0/24"
)

// NAT starts a virtual internet with STUN and TURN over UDP on it, and a signaling server
// on loopback. The first peer is behind a NAT of the kind ann, the second behind one of the
// kind bo.
func NAT(t TB, ann, bo Kind) *Site {
	t.Helper()
	s := newInternet(t, ann, bo)
	s.startSignaling(t)
	return s
}

// NATWithoutTURN is like NAT, but its server only answers STUN, so that peers that need a
// relay do not connect.
func NATWithoutTURN(t TB, ann, bo Kind) *Site {
	t.Helper()
	s := newInternet(t, ann, bo)
	s.turn = nil
	s.startSignaling(t)
	return s
}

func newInternet(t TB, kinds ...Kind) *Site {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	loggers := logging.NewDefaultLoggerFactory()
	loggers.DefaultLogLevel = logging.LogLevelDisabled
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("the virtual network: %v", err)
		}
	}
	wan, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: internet, LoggerFactory: loggers})
	check(err)
	server, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{turnAddress}})
	check(err)
	check(wan.AddNet(server))
	var hosts [2]*vnet.Net
	for i, kind := range kinds {
		address := fmt.Sprintf(outside, i+1)
		if kind == None {
			hosts[i], err = vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{address}})
			check(err)
			check(wan.AddNet(hosts[i]))
			continue
		}
		lan, err := vnet.NewRouter(&vnet.RouterConfig{
			CIDR: fmt.Sprintf(home, i+1), StaticIPs: []string{address}, NATType: kind.vnet(), LoggerFactory: loggers,
		})
		check(err)
		hosts[i], err = vnet.NewNet(&vnet.NetConfig{})
		check(err)
		check(lan.AddNet(hosts[i]))
		check(wan.AddRouter(lan))
	}
	check(wan.Start())
	t.Cleanup(func() { check(wan.Stop()) })

	s := &Site{change: func(ann, bo *peer.Config) {
		for i, cfg := range []*peer.Config{ann, bo} {
			cfg.Net = hosts[i]
			cfg.SettingEngine = func(e *webrtc.SettingEngine) { e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled) }
		}
	}}
	conn, err := server.ListenPacket("udp4", turnAddress+":3478")
	check(err)
	s.startTURN(t, turnserver.Config{
		PacketConns: []net.PacketConn{conn}, RelayIPs: []netip.Addr{netip.MustParseAddr(turnAddress)},
		// Documentation ranges are denied by default.
		AllowPeers: []netip.Prefix{netip.MustParsePrefix(internet)}, ListenPacket: server.ListenPacket,
	})
	return s
}
