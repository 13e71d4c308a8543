// Package core keeps subscribers in order and says who is to be called next. It knows neither the
// type of an event nor that of a receiver, so it is compiled once for a whole program. What depends
// on them is a value of type any, or a function, that package weakbus made and alone looks into.
//
// docs/design.md has the invariants and the proofs. The letters and numbers in comments, such as
// L1, refer to it.
package core
