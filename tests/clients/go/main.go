// A whole round of a host in Go, with the client that oapi-codegen generates from /openapi.json.
// Usage: round http://127.0.0.1:PORT | unix:PATH
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"round/lull"
)

func check(holds bool, what string, found any) {
	if !holds {
		fmt.Fprintf(os.Stderr, "round: not %s: %v\n", what, found)
		os.Exit(1)
	}
}

func main() {
	url := os.Args[1]
	transport := &http.Transport{}
	if path, isUnix := strings.CutPrefix(url, "unix:"); isUnix {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
		url = "http://lull"
	}
	client, err := lull.NewClientWithResponses(url, lull.WithHTTPClient(&http.Client{Transport: transport}))
	check(err == nil, "a client", err)
	ctx := context.Background()

	health, err := client.HealthWithResponse(ctx, nil)
	check(err == nil && health.JSON200 != nil, "healthy", err)
	generation := health.JSON200.Generation

	operation, lease := "go", 60.0
	prepared, err := client.PrepareWithResponse(ctx, nil, lull.PrepareJSONRequestBody{
		Operation: &operation, Lease: &lease, Wait: "settled",
	})
	check(err == nil && prepared.JSON200 != nil && prepared.JSON200.Settled, "settled", err)

	status, err := client.StatusWithResponse(ctx)
	check(err == nil && status.JSON200 != nil && status.JSON200.State == "quiesced", "quiesced", err)

	other := "other"
	refused, err := client.RecoverWithResponse(ctx, nil, lull.RecoverJSONRequestBody{Operation: &other})
	check(err == nil && refused.StatusCode() == 409, "409", err)
	check(refused.ApplicationproblemJSON409.Type == "urn:lull:problem:other-operation", "a problem", refused)

	bytes := make([]byte, 32)
	_, err = rand.Read(bytes)
	check(err == nil, "random", err)
	entropy := base64.StdEncoding.EncodeToString(bytes)
	now := time.Now().UnixMilli()
	hostTime := lull.RecoverJSONBody_HostTime{}
	check(hostTime.FromRecoverJSONBodyHostTime0(float64(now)) == nil, "a time", now)
	outcome := lull.RecoverJSONBodyOutcome("resumed")
	recovered, err := client.RecoverWithResponse(ctx, nil, lull.RecoverJSONRequestBody{
		Operation: &operation, Outcome: &outcome, Entropy: &entropy, HostTime: &hostTime,
	})
	check(err == nil && recovered.JSON200 != nil && recovered.JSON200.Recovered, "recovered", err)
	check(recovered.JSON200.Recovery.Generation == generation+1, "the next generation", recovered.JSON200.Recovery.Generation)
	fmt.Println("round done")
}
