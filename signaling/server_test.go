package signaling_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"callbox/signaling"
	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// patience bounds what should happen soon, on a machine however busy.
const patience = 60 * time.Second

// testServer is a server on loopback.
type testServer struct {
	*signaling.Server
	url string
}

func serve(t *testing.T, config signaling.Config) *testServer {
	t.Helper()
	server, err := signaling.New(config)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", server.WebSocketHandler())
	mux.Handle("/api/", server.APIHandler())
	web := httptest.NewServer(mux)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		web.Close()
	})
	return &testServer{server, web.URL}
}

// within returns a context that ends the test's patience.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (s *testServer) dial(t *testing.T, name string) *client.Client {
	t.Helper()
	c, err := client.Dial(within(t), client.Config{URL: s.url, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (s *testServer) join(t *testing.T, name, room string) (*client.Client, protocol.Joined) {
	t.Helper()
	c := s.dial(t, name)
	joined, err := c.Join(within(t), room)
	if err != nil {
		t.Fatalf("%s joins %q: %v", name, room, err)
	}
	return c, joined
}

// receive returns the next event, which must be an E.
func receive[E protocol.Event](t *testing.T, c *client.Client) E {
	t.Helper()
	event, err := c.Receive(within(t))
	if err != nil {
		t.Fatalf("Receive: %v", err)
	}
	e, ok := event.(E)
	if !ok {
		t.Fatalf("received %#v, want a %T", event, e)
	}
	return e
}

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
	if full, ok := errors.AsType[*client.FullError](err); !ok || full.Capacity != 2 {
		t.Errorf("third join: %v, want full", err)
	}
	if err := ann.Leave(within(t)); err != nil {
		t.Error(err)
	}
	if e := receive[protocol.Bye](t, bo); e.Seq != 2 || e.Peer != annJoined.Peer || e.Reason != protocol.ReasonLeft {
		t.Errorf("bye = %+v", e)
	}
}

func rawJSON(text string) json.RawMessage { return json.RawMessage(text) }
