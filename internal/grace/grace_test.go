package grace

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDomain_IsOverWhenNobodyIsInside(t *testing.T) {
	var d Domain
	for range 5 {
		assert.True(t, d.Over(d.Moment()))
	}
	call := d.Enter()
	call.Leave()
	assert.True(t, d.Over(d.Moment()))
}

func TestDomain_WaitsForCallsThatBeganBefore(t *testing.T) {
	for advances := range 4 { // whatever the parity is
		t.Run(fmt.Sprint(advances), func(t *testing.T) {
			var d Domain
			for range advances {
				require.True(t, d.Over(d.era.Load()+1))
			}
			a, b := d.Enter(), d.Enter()
			moment := d.Moment()
			for range 3 {
				assert.False(t, d.Over(moment))
			}
			a.Leave()
			assert.False(t, d.Over(moment))
			b.Leave()
			assert.True(t, d.Over(moment))
			assert.True(t, d.Over(moment), "it stays so")
		})
	}
}

func TestDomain_DoesNotWaitForCallsThatBeginLater(t *testing.T) {
	var d Domain
	early := d.Enter()
	moment := d.Moment()
	assert.False(t, d.Over(moment)) // which advances, so that the next call counts apart
	late := d.Enter()
	early.Leave()
	assert.True(t, d.Over(moment))
	assert.False(t, d.Over(d.Moment()))
	late.Leave()
	assert.True(t, d.Over(d.Moment()))
}

// TestDomain_ACallThatCountsLateIsSeenByTheNextMoment takes apart what happens to a call that loads
// the era, and counts itself only when the era has advanced.
func TestDomain_ACallThatCountsLateIsSeenByTheNextMoment(t *testing.T) {
	for overtakenBy := range 5 {
		var d Domain
		parity := d.era.Load() & 1
		for range overtakenBy {
			require.True(t, d.Over(d.era.Load()+1))
		}
		d.calls[parity].Add(1)
		moment := d.Moment()
		for range 4 {
			require.False(t, d.Over(moment), "overtaken by %d", overtakenBy)
		}
		Call{&d.calls[parity]}.Leave()
		assert.True(t, d.Over(moment))
	}
}

// TestMoment_IsNotTakenInTheMiddleOfAnAdvance: whoever advances has looked at a parity and found
// nobody. A call that counts itself there now is before a moment that is taken now, so the advance
// must not count for that moment.
func TestMoment_IsNotTakenInTheMiddleOfAnAdvance(t *testing.T) {
	var d Domain
	d.mu.Lock() // as an advance does
	taken := make(chan uint64, 1)
	go func() { taken <- d.Moment() }()
	time.Sleep(20 * time.Millisecond) // the moment waits, which nothing tells
	d.era.Add(1)
	d.mu.Unlock()
	assert.EqualValues(t, 3, <-taken)
}

func TestDomain_CountsCallsThatMeet(t *testing.T) {
	var d Domain
	d.stripes.Store(new(stripes))
	var calls []Call
	for range 100 {
		calls = append(calls, d.Enter())
	}
	moment := d.Moment()
	for i, call := range calls {
		require.False(t, d.Over(moment), "%d are over", i)
		call.Leave()
	}
	assert.True(t, d.Over(moment))
}

func TestDomain_ACallThatBeganBeforeTheStripesEndsWhereItBegan(t *testing.T) {
	var d Domain
	plain := d.Enter()
	d.stripes.Store(new(stripes))
	striped := d.Enter()
	moment := d.Moment()
	striped.Leave()
	assert.False(t, d.Over(moment))
	plain.Leave()
	assert.True(t, d.Over(moment))
}

// TestDomain_AgreesWithAModel enters, leaves, takes moments and advances at random, and compares each
// answer with what a list of the calls says.
func TestDomain_AgreesWithAModel(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var d Domain
		if r.IntN(2) == 0 {
			d.stripes.Store(new(stripes))
		}
		type mark struct {
			moment uint64
			before map[int]bool // the calls that had begun
		}
		inside, begun := map[int]Call{}, 0
		var marks []mark
		for range 200 {
			switch r.IntN(4) {
			case 0:
				inside[begun] = d.Enter()
				begun++
			case 1:
				for id, call := range inside {
					call.Leave()
					delete(inside, id)
					break
				}
			case 2:
				m := mark{d.Moment(), map[int]bool{}}
				for id := range inside {
					m.before[id] = true
				}
				marks = append(marks, m)
			case 3:
				for _, m := range marks {
					left := 0
					for id := range m.before {
						if _, in := inside[id]; in {
							left++
						}
					}
					if over := d.Over(m.moment); over {
						require.Zero(t, left, "seed %d", seed)
					} else {
						require.NotEmpty(t, inside, "seed %d: nobody is inside", seed)
					}
				}
			}
		}
	}
}

// TestDomain_UnderStress takes away a value that calls use, and gives it up when all calls are over
// that can have found it.
func TestDomain_UnderStress(t *testing.T) {
	duration := 100 * time.Millisecond
	if os.Getenv("WEAKBUS_TESTS") == "full" {
		duration = time.Second
	}
	type value struct{ freed atomic.Bool }
	var d Domain
	var current atomic.Pointer[value]
	current.Store(&value{})
	var stop atomic.Bool
	var users, owners sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for n := 0; !stop.Load(); n++ {
				call := d.Enter()
				v := current.Load()
				if n%7 == 0 {
					runtime.Gosched()
				}
				if v.freed.Load() {
					t.Error("in use after the grace period")
				}
				call.Leave()
				if n%64 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	var replaced atomic.Int64
	for range 2 {
		owners.Go(func() {
			for !stop.Load() {
				old := current.Swap(&value{})
				for moment := d.Moment(); !d.Over(moment); {
					runtime.Gosched()
				}
				old.freed.Store(true)
				replaced.Add(1)
			}
		})
	}
	time.Sleep(duration) // the length of the test, not a wait for something
	stop.Store(true)
	owners.Wait()
	users.Wait()
	assert.NotZero(t, replaced.Load())
	assert.True(t, d.Over(d.Moment()))
	t.Log("replaced", replaced.Load())
}
