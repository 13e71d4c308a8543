module github.com/weakbus/weakbus/examples/plugins

go 1.26

replace github.com/weakbus/weakbus => ../..

require (
	github.com/stretchr/testify v1.12.1
	github.com/tetratelabs/wazero v1.12.0
	github.com/weakbus/weakbus v0.0.0-00010101000000-000000000000
	go.uber.org/goleak v1.3.0
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.44.0 // indirect
)
