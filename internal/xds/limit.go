package xds

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A streamLimit bounds how many streams are open at once, of whatever service,
// health's included. A connection has a bound of its own; this one holds for all
// of them together, against a client that is trusted and broken.
type streamLimit struct {
	limit   int64
	open    atomic.Int64
	refused prometheus.Counter
	log     *slog.Logger
	saying  rate.Sometimes
}

func newStreamLimit(limit int, log *slog.Logger, registerer prometheus.Registerer) *streamLimit {
	l := &streamLimit{
		limit: int64(limit), log: log, saying: rate.Sometimes{Interval: time.Minute},
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "contour_xds_streams_refused_total",
			Help: "Streams that were refused because as many as --max-streams permits were open.",
		}),
	}
	if registerer != nil {
		registerer.MustRegister(l.refused)
	}
	return l
}

// intercept is a [grpc.StreamServerInterceptor].
func (l *streamLimit) intercept(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	defer l.open.Add(-1)
	if l.open.Add(1) > l.limit {
		l.refused.Inc()
		l.saying.Do(func() {
			l.log.Warn("refusing streams, since as many are open as --max-streams permits",
				"limit", l.limit, "remote", remote(stream.Context()))
		})
		return status.Error(codes.ResourceExhausted, "too many streams are open on this server")
	}
	return handler(srv, stream)
}
