// Package weakbustest helps to test code that uses package weakbus.
//
//   - [Collectable] proves in one line that nothing keeps a dropped subscriber of yours alive;
//   - [Collect] runs the collector until a condition of your own holds;
//   - [NewBus] makes a bus that fails the test for what went wrong on it unnoticed;
//   - [Record] records events, with assertions on what came and in which order;
//   - [Expire] ends a subscription as the collection of its receiver would, at the moment that
//     the test chooses, without the collector.
//
// All of them work with testing.TB: in tests, benchmarks, fuzz targets. Under parallel tests,
// with -race or -cover and with GOGC=off they do the same.
package weakbustest
