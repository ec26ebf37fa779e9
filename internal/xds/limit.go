package xds

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// A streamLimit bounds how many calls are open at once, of whatever service,
// health's included: each is a stream of HTTP/2. A connection has a bound of its
// own; this one holds for all of them together, against a client that is trusted
// and broken.
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

// tap is a [tap.ServerInHandle]: it sees every call when it begins, those with one
// request among them, which can be kept waiting as well as any stream. The context
// is that of the stream, and ends with it.
func (l *streamLimit) tap(ctx context.Context, _ *tap.Info) (context.Context, error) {
	if l.open.Add(1) > l.limit {
		l.open.Add(-1)
		l.refused.Inc()
		l.saying.Do(func() {
			l.log.Warn("refusing streams, since as many are open as --max-streams permits",
				"limit", l.limit, "remote", remote(ctx))
		})
		return nil, status.Error(codes.ResourceExhausted, "too many streams are open on this server")
	}
	context.AfterFunc(ctx, func() { l.open.Add(-1) })
	return ctx, nil
}
