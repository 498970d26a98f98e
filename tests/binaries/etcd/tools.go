//go:build tools

// Package tools pins the etcd server that carries the clusters of the tests.
package tools

import _ "go.etcd.io/etcd/server/v3"
