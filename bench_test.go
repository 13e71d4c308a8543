package weakbus

import (
	"fmt"
	"runtime"
	"testing"
	"weak"
)

type bHUD struct {
	name *int
	n    int
	pad  [4]int
}
type bScore struct{ Points int }

func (h *bHUD) OnScore(s bScore) { h.n += s.Points }

type bRec struct {
	r *bHUD
	h func(*bHUD, bScore)
}
type bWeak struct {
	r weak.Pointer[bHUD]
	h func(*bHUD, bScore)
}

func BenchmarkOne(b *testing.B) {
	for _, n := range []int{1, 2, 3, 4, 10, 100, 1000, 100000} {
		rs := make([]*bHUD, n)
		for i := range rs {
			rs[i] = &bHUD{}
		}
		st := make([]bRec, n)
		wk := make([]bWeak, n)
		var topic Topic[bScore]
		for i, r := range rs {
			st[i] = bRec{r, (*bHUD).OnScore}
			wk[i] = bWeak{weak.Make(r), (*bHUD).OnScore}
			Subscribe(&topic, r, (*bHUD).OnScore)
		}
		b.Run(fmt.Sprintf("strong/%d", n), func(b *testing.B) {
			for b.Loop() {
				for i := range st {
					st[i].h(st[i].r, bScore{1})
				}
			}
		})
		b.Run(fmt.Sprintf("weak/%d", n), func(b *testing.B) {
			for b.Loop() {
				for i := range wk {
					if r := wk[i].r.Value(); r != nil {
						wk[i].h(r, bScore{1})
					}
				}
			}
		})
		b.Run(fmt.Sprintf("topic/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if topic.Publish(bScore{1}) != n {
					b.Fatal()
				}
			}
		})
		runtime.KeepAlive(rs)
	}
}
