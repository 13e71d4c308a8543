//go:build race

package weakbus

// raceEnabled has the end of each publish told to the race detector, which does not know what
// the collector knows; see era.
const raceEnabled = true
