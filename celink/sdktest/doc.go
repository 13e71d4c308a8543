// Package sdktest has tests of package celink against the CloudEvents SDK, which celink itself does not need.
package sdktest
