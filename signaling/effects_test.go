package signaling

import (
	"slices"
	"testing"
	"time"
)

// noteFlush is a transport that records when it is asked to send.
type noteFlush struct {
	number int
	order  *[]int
	then   func()
}

func (f *noteFlush) flush() {
	*f.order = append(*f.order, f.number)
	if f.then != nil {
		f.then()
	}
}
func (f *noteFlush) kind() transportKind                              { return overWebSocket }
func (f *noteFlush) prepareToBlock() bool                             { return true }
func (f *noteFlush) closeGracefully(int, string)                      {}
func (f *noteFlush) abort()                                           {}
func (f *noteFlush) idleFor() time.Duration                           { return 0 }
func (f *noteFlush) idleTimeout(interval time.Duration) time.Duration { return interval }
func (f *noteFlush) activity() <-chan struct{}                        { return nil }

func TestAnsweredAreFlushedLast(t *testing.T) {
	var order []int
	var fx effects
	var all []*connection
	for i := range 12 {
		all = append(all, &connection{transport: &noteFlush{number: i, order: &order}})
	}
	for round := range 2 { // the second one meets what the first has left
		order = nil
		for i := range 6 {
			fx.sendLast(all[i])
			fx.sendLast(all[i])
			fx.send(all[11-i])
			fx.send(all[11-i])
		}
		if !fx.willSend(all[0]) || !fx.willSend(all[6]) || !fx.willSend(all[11]) || fx.willSend(new(connection)) {
			t.Error("has is wrong")
		}
		fx.apply()
		if want := []int{11, 10, 9, 8, 7, 6, 0, 1, 2, 3, 4, 5}; !slices.Equal(order, want) {
			t.Errorf("round %d: noteFlush %v, want %v", round, order, want)
		}
		if fx.willSend(all[0]) || fx.willSend(all[11]) {
			t.Error("there is something left to flush")
		}
	}
}

// TestFlushOfWhatAFlushAdds has connections queue frames for others, and for
// themselves, while effects are applied.
func TestFlushOfWhatAFlushAdds(t *testing.T) {
	for count := 1; count < 8; count++ {
		var order []int
		var fx effects
		again := true
		var all []*connection
		for i := range count {
			f := &noteFlush{number: i, order: &order}
			f.then = func() {
				if again {
					fx.send(all[i])
					fx.sendLast(all[0])
				}
				again = again && i < count-1
			}
			all = append(all, &connection{transport: f})
		}
		for _, c := range all {
			fx.send(c)
		}
		fx.apply()
		for i := range count {
			if n := len(order) - len(slices.DeleteFunc(slices.Clone(order), func(n int) bool { return n == i })); n < 2 {
				t.Errorf("of %d: %d was noteFlush %d times in %v", count, i, n, order)
			}
		}
	}
}
