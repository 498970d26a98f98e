//go:build tools

// Package helm pins Helm, which the tests of the chart run.
package helm

import _ "helm.sh/helm/v4/cmd/helm"
