package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/contour-xds/contour/internal/admin"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/fleet"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/recycle"
	"github.com/contour-xds/contour/internal/resources"
	"github.com/contour-xds/contour/internal/xds"
)

// serve loads everything, then listens, then serves until ctx ends.
func serve(ctx context.Context, cfg serveConfig, logOut io.Writer) error {
	log, err := cfg.Log.logger(logOut)
	if err != nil {
		return err
	}
	registry := newRegistry()
	provider, err := newProvider(cfg, log, registry)
	if err != nil {
		return err
	}
	if provider != nil {
		defer closeAll(provider)
	}
	folder, err := resources.Open(resources.Config{
		Dir: cfg.Resources, ExternalClusters: cfg.ExternalClusters, Logger: log, Registerer: registry,
	})
	if err != nil {
		return err
	}
	var control *accessControl
	if provider != nil { // in plaintext, nobody has an identity
		if control, err = newAccess(cfg.Access, provider, log, registry); err != nil {
			return err
		}
		defer closeAll(control)
	}
	door := newDoor(cfg, provider, control, log, registry)
	defer closeAll(door)
	registry.MustRegister(newLimitsGauge(door.Limits(), cfg.Limits.MaxStreams))
	served := xds.Config{
		Credentials: door, HandshakeTimeout: cfg.Limits.HandshakeTimeout, MaxStreams: cfg.Limits.MaxStreams,
		ConnectionAge: cfg.Limits.connectionAge(provider), ConnectionAgeGrace: cfg.Limits.MaxConnectionAgeGrace,
		ListenerDrain: cfg.ListenerDrain,
		Snapshots:     folder.Snapshots(), Logger: log, Registerer: registry,
	}
	var server *xds.Server
	if provider != nil { // in plaintext, nobody could be told from an operator
		served.Gate = control.Gate()
		served.Register = xds.Registering(
			recycle.NewService(recycle.Config{Connections: door, Logger: log, Registerer: registry}).Register,
			fleet.NewService(fleet.Config{
				Streams:    func() iter.Seq[xds.Stream] { return server.Streams() }, // it is there before anybody can ask
				NewestRoot: door.NewestRoot, Authorize: control.SeePeer,
			}).Register)
	}
	server = xds.New(served)
	return run(ctx, cfg, log, parts{folder: folder, door: door, server: server, admin: admin.New(registry, log)})
}

// parts are what is loaded and ready to be run.
type parts struct {
	folder *resources.Folder
	door   *handshake.Door
	server *xds.Server
	admin  *admin.Server
}

// run listens and serves. When ctx ends, readiness goes first, then the streams,
// and the admin listener last, so that health can be asked until the end.
func run(ctx context.Context, cfg serveConfig, log *slog.Logger, p parts) error {
	metricsListener, err := listen("metrics", cfg.MetricsAddress, cfg.MetricsPort)
	if err != nil {
		return err
	}
	xdsListener, err := listen("xds", cfg.XDSAddress, cfg.XDSPort)
	if err != nil {
		closeAll(metricsListener)
		return err
	}
	logListening(log, cfg, p.folder, xdsListener, metricsListener)

	// A part that ends, ends the others, in this order: readiness, streams, admin.
	serving, stop := context.WithCancel(ctx)
	defer stop()
	streams, endStreams := context.WithCancel(context.WithoutCancel(ctx))
	defer endStreams()
	probes, endProbes := context.WithCancel(context.WithoutCancel(ctx))
	defer endProbes()
	p.admin.SetReady(true)
	context.AfterFunc(serving, func() {
		p.admin.SetReady(false)
		endStreams()
	})

	var group errgroup.Group
	group.Go(func() error {
		defer stop()
		return p.admin.Serve(probes, metricsListener)
	})
	group.Go(func() error {
		defer stop()
		return p.folder.Run(serving, p.server.Publish)
	})
	group.Go(func() error {
		defer stop()
		return p.door.Run(serving)
	})
	group.Go(func() error {
		defer endProbes()
		defer stop()
		return p.server.Serve(streams, p.door.Listener(xdsListener))
	})
	err = group.Wait()
	log.Info("stopped")
	return err
}

func logListening(log *slog.Logger, cfg serveConfig, folder *resources.Folder, xdsListener, metricsListener net.Listener) {
	if cfg.plaintext() {
		log.Warn("serving plaintext: whoever reaches the xDS port can have every key", "xds", xdsListener.Addr().String())
	}
	cfg.Limits.warnOfOpenFiles(log)
	log.Info("serving", "xds", xdsListener.Addr().String(), "metrics", metricsListener.Addr().String(),
		"mutual_tls", !cfg.plaintext(), "resources", counts(folder.Snapshots().Count), "groups", len(folder.Snapshots().Groups()))
}

func newDoor(cfg serveConfig, provider credentials.CredentialProvider, control *accessControl, log *slog.Logger, registry *prometheus.Registry) *handshake.Door {
	door := handshake.Config{Limits: cfg.Limits.door(), Logger: log, Registerer: registry}
	if provider != nil {
		door.TLS, door.Provider, door.Guard = credentials.ServerTLS(provider), provider, control.Guard
	}
	return handshake.New(door)
}

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newBuildInfo())
	return registry
}

// listen opens a TCP port, and names the flags when it can't.
func listen(what, address string, port int) (net.Listener, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("listening on --%s-address and --%s-port: %w", what, what, err)
	}
	return listener, nil
}

// closeAll closes what was opened, when a later step failed or all is over.
func closeAll(closers ...io.Closer) {
	for _, c := range closers {
		_ = c.Close()
	}
}
