package signaling_test

import (
	"errors"
	"testing"
	"time"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

func TestCallOfTwo(t *testing.T) {
	server := serve(t, signaling.Config{Capacity: 2, Limits: signaling.DefaultLimits(), Ping: time.Second})
	bo, boJoined := server.join(t, "Bo", "quiet-river-lamp")
	ann, annJoined := server.join(t, "Ann", "quiet-river-lamp")

	want := protocol.Peer{Peer: boJoined.Peer, Name: "Bo", Polite: true}
	if len(annJoined.Peers) != 1 || annJoined.Peers[0] != want || annJoined.Capacity != 2 || annJoined.Ping != 1 || annJoined.Grace != 0 {
		t.Errorf("joined = %+v, want peers [%+v]", annJoined, want)
	}
	if e := receive[protocol.OtherJoined](t, bo); e.Seq != 1 || e.Peer != annJoined.Peer || e.Name != "Ann" || e.Polite || e.Resumed {
		t.Errorf("other_joined = %+v", e)
	}
	data := `{"call":1, "description":{"type":"offer","sdp":"v=0\r\n <&>"}}`
	ack, err := bo.Send(within(t), annJoined.Peer, rawJSON(data))
	if err != nil || len(ack.To) != 1 || ack.To[0] != annJoined.Peer {
		t.Errorf("Send = %+v, %v", ack, err)
	}
	if e := receive[protocol.MessageEvent](t, ann); e.Seq != 1 || e.From != boJoined.Peer || string(e.Data) != data {
		t.Errorf("message = %+v with data %s", e, e.Data)
	}
	_, err = server.dial(t, "Cy").Join(within(t), "quiet-river-lamp")
	if full, ok := errors.AsType[*fullError](err); !ok || full.Capacity != 2 {
		t.Errorf("third join: %v, want full", err)
	}
	if err := ann.Leave(within(t)); err != nil {
		t.Error(err)
	}
	if e := receive[protocol.Bye](t, bo); e.Seq != 2 || e.Peer != annJoined.Peer || e.Reason != protocol.ReasonLeft {
		t.Errorf("bye = %+v", e)
	}
}
