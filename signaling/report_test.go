package signaling_test

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"callbox/signaling/protocol"
)

// TestReportsAreBounded checks that the reports that are passed on are limited,
// and that all are answered and counted.
func TestReportsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var passed atomic.Int64
		config := defaultConfig()
		config.Capacity, config.Limits.FramesPerSecond = 0, 0
		config.Report = func(string, string, json.RawMessage) { passed.Add(1) }
		server := serveMemory(t, config)
		for i := range 20 {
			c := server.raw(t)
			c.send(fmt.Sprintf(`{"type":"join","room":"r%d"}`, i))
			expect[protocol.Joined](c)
			for id := 1; id <= 100; id++ {
				c.send(fmt.Sprintf(`{"type":"report","id":%d,"event":"connected"}`, id))
				c.acked(uint64(id))
			}
			if n := passed.Load(); i == 0 && n != 20 {
				t.Errorf("%d reports of one connection are passed on, want 20", n)
			}
		}
		if n, s := passed.Load(), server.Snapshot(); n != 200 || s.Reports != 2000 {
			t.Errorf("%d reports of one address are passed on, %d counted; want 200, 2000", n, s.Reports)
		}
	})
}
