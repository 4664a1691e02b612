//go:build tools

// Package toxiproxy pins the proxy that the chaos runs break connections with: go.mod and go.sum hold it and all it is built from.
package toxiproxy

import _ "github.com/Shopify/toxiproxy/v2/cmd/server"
