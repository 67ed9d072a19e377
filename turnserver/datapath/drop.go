package datapath

// Drop is the reason why a datagram was not relayed. The metrics count each by its name, see
// String.
type Drop uint8

// The reasons. Sent is none of them: the datagram is on its way.
const (
	Sent Drop = iota
	// NoAllocation: data from a client that has no relay.
	NoAllocation
	// NoPermission: to or from a peer that the relay's client has not permitted.
	NoPermission
	// NoChannel: ChannelData in a channel that is not bound.
	NoChannel
	// Denied: to or from a peer that the policy denies.
	Denied
	// UserRate and TotalRate: above the rate limit of a user, or of the server.
	UserRate
	TotalRate
	// GroupVolume: more than the relays of a group may pass on in all.
	GroupVolume
	// Malformed: neither STUN nor ChannelData, a message cut short, or one that the socket does not
	// handle.
	Malformed
	// AnswerRate: more Binding requests from one address than are answered.
	AnswerRate
	// ControlQueue: control messages arrive faster than they are handled.
	ControlQueue
	// SendBuffer: the kernel has no buffer for it.
	SendBuffer
	// TooLong: longer than the network, or the message that would carry it, allows.
	TooLong
	// Unreachable: the kernel has no route to the destination, or forbids it.
	Unreachable
	// ClientQueue: the client of a stream reads too slowly.
	ClientQueue
	// ClientGone: the client's connection or socket is closed.
	ClientGone

	drops
)

// Causes returns all reasons, in order.
func Causes() []Drop {
	all := make([]Drop, 0, drops-1)
	for cause := Sent + 1; cause < drops; cause++ {
		all = append(all, cause)
	}
	return all
}

// String returns the name of the reason in metrics.
func (d Drop) String() string {
	switch d {
	case Sent:
		return "sent"
	case NoAllocation:
		return "no_allocation"
	case NoPermission:
		return "no_permission"
	case NoChannel:
		return "no_channel"
	case Denied:
		return "denied"
	case UserRate:
		return "user_rate"
	case TotalRate:
		return "total_rate"
	case GroupVolume:
		return "check_volume"
	case Malformed:
		return "malformed"
	case AnswerRate:
		return "answer_rate"
	case ControlQueue:
		return "control_queue"
	case SendBuffer:
		return "send_buffer"
	case TooLong:
		return "too_long"
	case Unreachable:
		return "unreachable"
	case ClientQueue:
		return "client_queue"
	case ClientGone:
		return "client_gone"
	default:
		return "unknown"
	}
}
