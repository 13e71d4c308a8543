module example.com/shapes

go 1.26

require github.com/weakbus/weakbus v0.0.0

replace github.com/weakbus/weakbus => ../../..
