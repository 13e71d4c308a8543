// Package browsertest tests the page of weakbusdebug in a real browser, Debian's chromium. It is a module
// of its own, so that nobody who uses weakbus downloads what drives a browser.
//
//	go test ./...
//	go test -run Picture -pictures ../../docs ./...    # makes the pictures of the README anew
package browsertest
