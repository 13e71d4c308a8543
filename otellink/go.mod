module github.com/weakbus/weakbus/otellink

go 1.26.0

replace github.com/weakbus/weakbus => ../

require (
	github.com/stretchr/testify v1.12.1
	github.com/weakbus/weakbus v0.0.0-00010101000000-000000000000
	go.opentelemetry.io/otel v1.47.0
	go.opentelemetry.io/otel/trace v1.47.0
	go.uber.org/goleak v1.3.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
