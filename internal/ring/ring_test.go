package ring

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRing_AgreesWithASlice(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		var ring, other Ring[int]
		var want, wantOther []int
		for n := range 500 {
			switch r.IntN(10) {
			case 0, 1, 2, 3:
				ring.Push(n)
				want = append(want, n)
			case 4:
				other.Push(n)
				wantOther = append(wantOther, n)
			case 5, 6, 7:
				if len(want) > 0 {
					require.Equal(t, want[0], ring.Pop())
					want = want[1:]
				}
			case 8:
				if r.IntN(10) == 0 {
					ring.Clear()
					want = nil
				}
			case 9:
				ring.Prepend(&other)
				want, wantOther = append(wantOther, want...), nil
			}
			require.Equal(t, len(want), ring.Len())
			require.Equal(t, len(wantOther), other.Len())
			for i, v := range want {
				require.Equal(t, v, ring.At(i))
			}
		}
	}
}

func TestRing_LetsGoOfWhatWasRemoved(t *testing.T) {
	type value struct{ _, _ *int }
	var ring Ring[*value]
	add := func() weak.Pointer[value] {
		v := &value{}
		ring.Push(v)
		return weak.Make(v)
	}
	popped, cleared := add(), add()
	ring.Pop()
	for deadline := time.Now().Add(10 * time.Second); popped.Value() != nil; runtime.GC() {
		require.True(t, time.Now().Before(deadline))
	}
	assert.NotNil(t, cleared.Value())
	ring.Clear()
	for deadline := time.Now().Add(10 * time.Second); cleared.Value() != nil; runtime.GC() {
		require.True(t, time.Now().Before(deadline))
	}
	runtime.KeepAlive(&ring)
}

func TestRing_GivesBackTheMemoryOfABurst(t *testing.T) {
	fill := func() *Ring[int] {
		var r Ring[int]
		for i := range 5_000 {
			r.Push(i)
		}
		return &r
	}
	r := fill()
	r.Clear()
	assert.Zero(t, len(r.slots))

	r = fill()
	for r.Len() > 0 {
		r.Pop()
	}
	r.Trim(4_000)
	assert.NotZero(t, len(r.slots), "as much is used again")
	r.Trim(10)
	assert.Zero(t, len(r.slots))

	var small Ring[int]
	small.Push(1)
	small.Pop()
	small.Trim(0)
	small.Clear()
	assert.Len(t, small.slots, Min, "a small one stays")
}
