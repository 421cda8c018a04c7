module github.com/net-pingora/net-pingora/tests/cluster/go/harness

go 1.26

require go.yaml.in/yaml/v3 v3.0.6
