package datapath

import "testing"

// rounds counts rounds with so many datagrams each, and returns in how many of them more
// were expected when all but the last had come.
func rounds(b *bursts, times int, sizes ...int) (waited int) {
	for range times {
		for _, size := range sizes {
			b.received = max(1, size-1)
			if b.expectMore() {
				waited++
			}
			b.received = size
			b.endRound()
		}
	}
	return waited
}

func TestBurstsAreExpected(t *testing.T) {
	for _, c := range []struct {
		name  string
		sizes []int
		want  bool
	}{
		{"one by one", []int{1}, false},
		{"one by one, at times two", []int{1, 1, 2}, false},
		{"fours", []int{4}, true},
		{"fours, of which a third are split", []int{4, 4, 3, 1}, true},
		{"eights and fours", []int{8, 4}, true},
	} {
		var b bursts
		if waited := rounds(&b, 1, c.sizes...); waited != 0 {
			t.Errorf("%s: looked for more from the start", c.name)
		}
		rounds(&b, 50, c.sizes...)
		if waited := rounds(&b, 10, c.sizes...) > 0; waited != c.want {
			t.Errorf("%s: looked for more %v, want %v", c.name, waited, c.want)
		}
		b.received = 8
		if b.expectMore() {
			t.Errorf("%s: looks for more of what is whole", c.name)
		}
		if waited := rounds(&b, 50, 1); waited > 20 {
			t.Errorf("%s: then one by one, looked for more %d times", c.name, waited)
		}
	}
}
