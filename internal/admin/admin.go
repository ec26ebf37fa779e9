// Package admin is the HTTP listener for operators' tools: metrics to scrape and
// health to probe. It serves nothing that is secret and has no authentication,
// so that it belongs on an address that only those tools reach.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Times that bound what a slow or silent client can hold, and the end.
const (
	headerTimeout   = 5 * time.Second
	requestTimeout  = 30 * time.Second
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 2 * time.Second
)

// Server serves /metrics, /healthz and /readyz. It is safe for concurrent use.
type Server struct {
	gatherer prometheus.Gatherer
	log      *slog.Logger
	ready    atomic.Bool
}

// New returns a server of the metrics in g that is healthy and not yet ready. What
// goes wrong with a client or a connection is logged to log.
func New(g prometheus.Gatherer, log *slog.Logger) *Server { return &Server{gatherer: g, log: log} }

// SetReady says what /readyz answers from now on.
func (s *Server) SetReady(ready bool) { s.ready.Store(ready) }

// Handler returns the handler of all three paths.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, true) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.ready.Load()) })
	return mux
}

func answer(w http.ResponseWriter, ok bool) {
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "not ready\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// Serve answers on listener, which it closes, until ctx ends; then it lets
// requests under way finish, for a bounded time, and returns nil. Any other end
// is an error.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout,
		WriteTimeout: requestTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	// AfterFunc's work is awaited below, so that nothing outlives Serve.
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if server.Shutdown(deadline) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(listener)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving metrics and health on %s: %w", listener.Addr(), err)
}
