//go:build race

package weakbus_test

const raceEnabled = true
