module github.com/net-pingora/net-pingora/tests/full/seen

go 1.26
