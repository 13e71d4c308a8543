//go:build !race

package weakbus

const raceEnabled = false
