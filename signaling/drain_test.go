package signaling

import "testing"

// TestNothingIsForgottenWhenTwoWrite queues a frame just after the writer has
// found the queue empty.
func TestNothingIsForgottenWhenTwoWrite(t *testing.T) {
	ws := &webSocket{connection: new(connection), stream: new(plainStream)}
	if some, err := ws.fill(); !ws.beginTurn() || some || err != nil {
		t.Fatal("want the turn, and nothing to write")
	}
	if ws.beginTurn() {
		t.Fatal("two have the turn")
	}
	if ws.endTurn() {
		t.Error("the turn ended though there was something new")
	}
	if !ws.endTurn() || !ws.beginTurn() {
		t.Error("the turn did not end when there was nothing new")
	}
}
