package limit_test

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"callbox/turnserver/limit"
)

const second = int64(time.Second)

// drain takes packets of 1,000 bytes until one is refused, and returns how many passed.
func drain(b *limit.Bucket, now int64) (passed int) {
	for b.Take(now, 1000) {
		passed++
	}
	return passed
}

func TestBucket(t *testing.T) {
	const rate, burst = 1_000_000, 200_000
	for _, start := range []int64{math.MinInt64 / 2, 0, 1, 12345 * second} {
		b := limit.NewBucket(rate, burst)
		if got := drain(b, start); got != 200 {
			t.Errorf("full bucket: %d packets, want 200", got)
		}
		if got := drain(b, start+second/10); got != 100 {
			t.Errorf("after 100 ms: %d packets, want 100", got)
		}
		if got := drain(b, start+second/10+second/1000); got != 1 {
			t.Errorf("after 1 ms more: %d packets, want 1", got)
		}
		// It holds no more than its burst, however long nobody came.
		if got := drain(b, start+1000*second); got != 200 {
			t.Errorf("after a long time: %d packets, want 200", got)
		}
		// A packet over the limit does not take what smaller ones could have.
		if b.Take(start+1000*second+second/1000, 1001) || !b.Take(start+1000*second+second/1000, 1000) {
			t.Error("a refused packet was taken from the bucket")
		}
	}
}

// A bucket lets the largest datagram pass, however small its rate is; and a call with an older time
// gains nothing.
func TestBucketBounds(t *testing.T) {
	b := limit.NewBucket(1, 0)
	if !b.Take(0, math.MaxUint16) || b.Take(0, 1) || !b.Take(second, 1) {
		t.Error("want one datagram of 65,535 bytes, and one byte a second")
	}
	if b.Take(second/2, 1) {
		t.Error("an older time gave bytes back")
	}
	if !b.Take(second, 0) || !b.Take(second, -1) {
		t.Error("nothing at all was refused")
	}
	if b = limit.NewBucket(math.MaxInt, math.MaxInt); !b.Take(0, math.MaxInt32) {
		t.Error("the largest rate refused 2 GiB")
	}
	if b = limit.NewBucket(1, math.MaxInt); !b.Take(second, math.MaxInt32) {
		t.Error("the largest burst refused 2 GiB")
	}
	for _, rate := range []int{0, -1, math.MinInt} {
		b := limit.NewBucket(rate, 1)
		if b != nil || !b.Take(0, math.MaxInt) {
			t.Errorf("rate %d limits", rate)
		}
	}
}

// Many goroutines together get what one would get.
func TestBucketConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		b := limit.NewBucket(1_000_000, 100_000)
		var passed atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 1000 {
					if b.Take(int64(time.Since(start)), 1000) {
						passed.Add(1000)
					}
					<-time.After(time.Millisecond)
				}
			})
		}
		all.Wait()
		// 100 kB at the start, and 999 ms of flow.
		if got := passed.Load(); got != 1_099_000 {
			t.Errorf("%d bytes passed, want 1,099,000", got)
		}
	})
}

func TestBucketAllocates(t *testing.T) {
	b := limit.NewBucket(1000, 0)
	now := int64(0)
	if n := testing.AllocsPerRun(1000, func() { b.Take(now, 1000); now += second / 2 }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkBucket(b *testing.B) {
	bucket := limit.NewBucket(1_000_000_000, 0)
	b.RunParallel(func(pb *testing.PB) {
		for now := int64(0); pb.Next(); now += 1000 {
			bucket.Take(now, 1000)
		}
	})
}
