package weakcache_test

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/weakbus/weakbus/weakbustest"
	"github.com/weakbus/weakbus/weakcache"
)

func creates(v *texture, err error) func() (*texture, error) {
	return func() (*texture, error) { return v, err }
}

func TestGetOrCreate_CreatesWhereThereIsNone(t *testing.T) {
	var c cache
	a := &texture{}
	got, err := c.GetOrCreate("a", creates(a, nil))
	assert.NoError(t, err)
	assert.Same(t, a, got)
	got, err = c.GetOrCreate("a", func() (*texture, error) { assert.Fail(t, "called"); return nil, nil })
	assert.NoError(t, err)
	assert.Same(t, a, got)
}

func TestGetOrCreate_CreatesAnewWhenTheValueWasCollected(t *testing.T) {
	var c cache
	_, _ = c.GetOrCreate("a", func() (*texture, error) { return &texture{path: "first"}, nil })
	weakbustest.Collect(t, func() bool { return c.Len() == 0 })
	got, _ := c.GetOrCreate("a", func() (*texture, error) { return &texture{path: "second"}, nil })
	assert.Equal(t, "second", got.path)
}

func TestGetOrCreate_DoesNotKeepAnError(t *testing.T) {
	var c cache
	wrong := errors.New("no such file")
	got, err := c.GetOrCreate("a", creates(&texture{}, wrong))
	assert.Same(t, wrong, err)
	assert.Nil(t, got, "with an error there is no value")
	assert.Zero(t, c.Len())
	a := &texture{}
	got, err = c.GetOrCreate("a", creates(a, nil))
	assert.NoError(t, err)
	assert.Same(t, a, got)
}

// atOnce calls GetOrCreate n times at once and returns the results when all are back. In a
// bubble, the first create goes on when all the others wait for it.
func atOnce(c *cache, n int, create func() (*texture, error)) (values []*texture, errs []error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			v, err := c.GetOrCreate("a", create)
			mu.Lock()
			defer mu.Unlock()
			values, errs = append(values, v), append(errs, err)
		})
	}
	wg.Wait()
	return values, errs
}

func TestGetOrCreate_ConcurrentCallsShareOneCreation(t *testing.T) {
	wrong := errors.New("no such file")
	for name, want := range map[string]error{"value": nil, "error": wrong} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c cache
				var calls atomic.Int32
				goOn := make(chan struct{})
				go func() {
					synctest.Wait() // all wait for one
					close(goOn)
				}()
				values, errs := atOnce(&c, 10, func() (*texture, error) {
					calls.Add(1)
					<-goOn
					return &texture{}, want
				})
				assert.EqualValues(t, 1, calls.Load())
				for i := range values {
					assert.Same(t, values[0], values[i])
					assert.Equal(t, want, errs[i])
				}
				assert.Equal(t, want != nil, values[0] == nil)
			})
		})
	}
}

func TestGetOrCreate_CreatesOnceAlsoForThoseWhoComeAsItEnds(t *testing.T) {
	for range 3000 {
		var c cache
		var calls atomic.Int32
		values, _ := atOnce(&c, 4, func() (*texture, error) {
			calls.Add(1)
			return &texture{}, nil
		})
		if !assert.EqualValues(t, 1, calls.Load()) {
			return
		}
		runtime.KeepAlive(values)
	}
}

func TestGetOrCreate_ACreationThatDoesNotReturnPassesTheTurnOn(t *testing.T) {
	for name, leave := range map[string]func(){
		"panic":  func() { panic("no memory") },
		"goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c cache
				v := &texture{}
				var left atomic.Value
				goOn := make(chan struct{})
				go func() {
					defer func() { left.Store([]any{recover()}) }()
					_, _ = c.GetOrCreate("a", func() (*texture, error) {
						<-goOn
						leave()
						return nil, nil
					})
				}()
				synctest.Wait() // it is in create
				go func() {
					synctest.Wait() // the others wait for it
					close(goOn)
				}()
				values, errs := atOnce(&c, 5, creates(v, nil))
				for i := range values {
					assert.Same(t, v, values[i])
					assert.NoError(t, errs[i])
				}
				if name == "panic" {
					assert.Equal(t, []any{"no memory"}, left.Load())
				}
			})
		})
	}
}

func TestGetOrCreate_NilWithoutAnErrorPanicsAndLeavesTheKeyFree(t *testing.T) {
	var c cache
	assert.PanicsWithValue(t, "weakcache: GetOrCreate: create returned nil without an error; return a value or an error",
		func() { _, _ = c.GetOrCreate("a", creates(nil, nil)) })
	a := &texture{}
	got, _ := c.GetOrCreate("a", creates(a, nil))
	assert.Same(t, a, got)
}

func TestGetOrCreate_CreateMayUseTheCacheForOtherKeys(t *testing.T) {
	var c weakcache.Cache[int, texture]
	var held []*texture
	var create func(n int) func() (*texture, error)
	create = func(n int) func() (*texture, error) {
		return func() (*texture, error) {
			if n > 0 {
				below, err := c.GetOrCreate(n-1, create(n-1))
				assert.NoError(t, err)
				held = append(held, below)
			}
			c.Len()
			c.Delete(100)
			return &texture{}, nil
		}
	}
	v, err := c.GetOrCreate(5, create(5))
	assert.NoError(t, err)
	assert.Equal(t, 6, c.Len())
	runtime.KeepAlive(v)
	runtime.KeepAlive(held)
}

func TestGetOrCreate_DoesNotReplaceWhatWasPutMeanwhile(t *testing.T) {
	var c cache
	put := &texture{path: "put"}
	got, err := c.GetOrCreate("a", func() (*texture, error) {
		c.Put("a", put)
		return &texture{path: "created"}, nil
	})
	assert.NoError(t, err)
	assert.Same(t, put, got)
	got, _ = c.Get("a")
	assert.Same(t, put, got)
}

func TestGetOrCreate_IsNotStoppedByDelete(t *testing.T) {
	var c cache
	v, err := c.GetOrCreate("a", func() (*texture, error) {
		assert.False(t, c.Delete("a"))
		return &texture{}, nil
	})
	assert.NoError(t, err)
	got, _ := c.Get("a")
	assert.Same(t, v, got)
}
