package lists

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFinish_GoesOnBehindACallThatDoesNotReturn(t *testing.T) {
	all := []int{1, 2, 3, 4, 5}
	var got []int
	assert.PanicsWithValue(t, "second", func() {
		Finish(all, func(n int) {
			if got = append(got, n); n == 2 {
				panic("second")
			}
		})
	})
	assert.Equal(t, all, got)

	got = nil
	ended := make(chan bool)
	go func() {
		defer close(ended)
		Finish(all, func(n int) {
			if got = append(got, n); n%2 == 0 {
				runtime.Goexit()
			}
		})
		got = append(got, 0)
	}()
	<-ended
	assert.Equal(t, all, got, "and the goroutine ends")

	got = nil
	Finish(all, func(n int) { got = append(got, n) })
	assert.Equal(t, all, got)
	Finish(nil, func(int) { t.Error("there is nothing to do") })
}

func TestRejoin_KeepsNoMoreMemoryThanItNeeds(t *testing.T) {
	large := make([]int, 10_000)
	joined := Rejoin(large[:2], []int{7})
	assert.Equal(t, []int{0, 0, 7}, joined)
	assert.Less(t, cap(joined), 100)

	joined = Rejoin(large[:9_000], []int{7})
	assert.Len(t, joined, 9_001)
	assert.Same(t, &large[0], &joined[0], "what is mostly used is used again")
	assert.Empty(t, Rejoin[int](nil, nil))
}
