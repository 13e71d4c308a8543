package main

import (
	"golang.org/x/tools/go/analysis/multichecker"

	"github.com/weakbus/weakbus/weakvet/checks"
)

func main() { multichecker.Main(checks.All()...) }
