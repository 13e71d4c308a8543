// Package go127 has the mistakes of the methods that Go 1.27 allows.
package go127
