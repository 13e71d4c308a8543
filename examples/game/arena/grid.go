package arena

import "iter"

// grid finds what is near, by number: pointers in it would keep the dead alive.
type grid struct {
	cell       float64 // its side, which no two entities that touch exceed
	cols, rows int     // with a border
	first      []int32 // by cell, one more than the number of an entity there; 0 for none
	next       []int32 // by entity, the same for the next in its cell
}

func newGrid(radius float64) grid {
	cell := 2 * 1.3 * radius
	cols, rows := int(Width/cell)+3, int(Height/cell)+3
	return grid{cell: cell, cols: cols, rows: rows, first: make([]int32, cols*rows)}
}

func (g *grid) clear(n int) {
	clear(g.first)
	g.next = append(g.next[:0], make([]int32, n)...)
}

func (g *grid) at(x, y float64) int { return (1+int(y/g.cell))*g.cols + 1 + int(x/g.cell) }

func (g *grid) add(i int, x, y float64) {
	c := g.at(x, y)
	g.next[i], g.first[c] = g.first[c], int32(i+1)
}

// near returns the numbers of what was added in the cell of a place, and in those around it.
func (g *grid) near(x, y float64) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		c := g.at(x, y)
		for _, row := range [3]int{c - g.cols, c, c + g.cols} {
			for _, first := range g.first[row-1 : row+2] {
				for i := first; i != 0; i = g.next[i-1] {
					if !yield(i - 1) {
						return
					}
				}
			}
		}
	}
}
