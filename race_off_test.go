//go:build !race

package weakbus_test

const raceEnabled = false
