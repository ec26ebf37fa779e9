package grpc

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	_ "google.golang.org/grpc/xds" // for xds:///
)

// clientVariable has the target that the client is to call; it makes this binary a
// client.
const clientVariable = "CONTOUR_TEST_GRPC_TARGET"

// callTimeout is how long a call waits for a backend. client.py has the same.
const callTimeout = 5 * time.Second

// answer is a line of a client's output: the backend that answered a call, or why
// none did.
type answer struct {
	Backend string `json:"backend,omitempty"`
	Error   string `json:"error,omitempty"`
}

// runClient calls the target's health service for each line of in, and writes an
// answer to out. It does what client.py does. It returns an exit status.
func runClient(target string, in io.Reader, out io.Writer) int {
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer conn.Close()
	encoder := json.NewEncoder(out)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if err := encoder.Encode(call(conn)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return 0
}

func call(conn *grpc.ClientConn) answer {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var header metadata.MD
	_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}, grpc.Header(&header), grpc.WaitForReady(true))
	if err != nil {
		return answer{Error: err.Error()}
	}
	for _, name := range header.Get(backendHeader) {
		return answer{Backend: name}
	}
	return answer{Error: "a backend answered that does not say which"}
}
