// Package weakbus is an in-process event bus that holds its subscribers only through weak
// pointers. Whoever owns a subscriber decides how long it lives; the bus never does.
package weakbus
