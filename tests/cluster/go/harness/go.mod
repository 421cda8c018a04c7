module github.com/net-pingora/net-pingora/tests/cluster/go/harness

go 1.26
