package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/recycle"
)

const (
	// defaultRecycleWait is the longest that an Envoy backs off, by its default.
	defaultRecycleWait = 30 * time.Second
	// recyclePoll is how often it is asked who came back. The first time is as long after
	// the last call, whose own connection is gone by then.
	recyclePoll = 500 * time.Millisecond
)

// recycleConfig is the settings by which clients are asked to come back.
type recycleConfig struct {
	Addresses  []string      `mapstructure:"recycle"`
	ServerName string        `mapstructure:"xds-server-name"`
	Wait       time.Duration `mapstructure:"recycle-wait"`
}

func recycleFlags(flags *pflag.FlagSet) {
	flags.StringSlice("recycle", nil, "`addresses` of the xDS port of each contour, as host:port, which is asked before step 3 to close the connections of the old CA, separated by commas")
	flags.String("xds-server-name", "", "`name` that the certificates of these contours bear (default: the host, or else the first name of contour's certificate in DIR)")
	flags.Duration("recycle-wait", defaultRecycleWait, "`time` that the clients of these connections have to come back")
}

// recycle unpacks the settings, beside those that name metrics listeners.
func (s *settings) recycle(servers []string) (recycleConfig, error) {
	var cfg recycleConfig
	if err := s.decode(&cfg); err != nil {
		return cfg, err
	}
	for _, address := range cfg.Addresses {
		if err := checkAddress(address); err != nil {
			return cfg, s.about("recycle", err)
		}
	}
	switch {
	case cfg.Wait < 0:
		return cfg, s.about("recycle-wait", fmt.Errorf("%s is less than nothing; give 0s to look at once", cfg.Wait))
	case len(cfg.Addresses) > 0 && len(servers) == 0:
		return cfg, s.about("recycle", errors.New("who comes back, and on which CA, is seen by the metrics alone; give --server for each contour as well"))
	}
	return cfg, nil
}

func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	number, notNumber := strconv.ParseUint(port, 10, 16)
	if err != nil || notNumber != nil || host == "" || number == 0 {
		return fmt.Errorf("%q is no address of an xDS port such as contour:8001", address)
	}
	return nil
}

// comeBack has each contour close the connections that stand on the old CA, and waits
// until their clients are back, all of them on the new one. An error is why step 3 is
// too early. Nobody is disturbed where it is so without asking.
func (c rotateConfig) comeBack(ctx context.Context, folder *certgen.Folder, plan *certgen.Rollover, out io.Writer) error {
	if plan.Step != certgen.StepRetire || len(c.recycle.Addresses) == 0 {
		return nil
	}
	if err := c.waited(plan, time.Now()); err != nil {
		return err
	}
	var before headcount
	err := askServers(ctx, c.Servers, func(s serverState) error {
		before.add(s, plan)
		return s.loaded(plan)
	})
	if err != nil {
		return err
	}
	operator, err := folder.Operator()
	if err != nil {
		return err
	}
	oldRoot := certgen.Fingerprint(plan.Old)
	for _, address := range c.recycle.Addresses {
		closed, err := c.recycle.call(address, plan, operator).Do(ctx)
		if err != nil {
			return fmt.Errorf("--recycle %s: %w", address, err)
		}
		fmt.Fprintf(out, "%s: closed %d connections of the old CA %s\n", address, closed, oldRoot)
	}
	return c.awaitReturn(ctx, plan, before, out)
}

// call is that of one contour. Its certificate is to be of the new CA, since one that
// has not loaded it yet is not ready for the step anyway.
func (c recycleConfig) call(address string, plan *certgen.Rollover, operator *certgen.Issued) recycle.Call {
	material := credentials.NewMaterial(operator.Chain(), operator.Key(), []*x509.Certificate{plan.New}, time.Now())
	return recycle.Call{
		Address: address, TLS: credentials.ClientTLS(material, c.serverName(address, plan.Servers)), Root: certgen.Fingerprint(plan.Old),
	}
}

// serverName is what the certificate behind an address must bear: what was given, the
// host where one of the folder's servers bears it, or the first name that one bears.
func (c recycleConfig) serverName(address string, servers []*x509.Certificate) string {
	return serverNameOf(c.ServerName, address, servers)
}

func serverNameOf(given, address string, servers []*x509.Certificate) string {
	host, _, _ := net.SplitHostPort(address) // it was checked
	switch {
	case given != "":
		return given
	case slices.ContainsFunc(servers, func(leaf *x509.Certificate) bool { return leaf.VerifyHostname(host) == nil }):
		return host
	}
	for _, leaf := range servers {
		if len(leaf.DNSNames) > 0 {
			return leaf.DNSNames[0]
		}
	}
	return bootstrap.DefaultServerName
}

// A headcount is how many connections all contours have together, and how many of them
// stand on the old CA.
type headcount struct{ all, old float64 }

func (f *headcount) add(s serverState, plan *certgen.Rollover) {
	for _, n := range s.connections {
		f.all += n
	}
	f.old += s.connections[certgen.Fingerprint(plan.Old)]
}

// awaitReturn waits until as many are connected as before and none with a certificate
// of the old CA. None alone would say nothing: a moment after they were closed, nobody
// is back yet, and one that can't come back never is.
func (c rotateConfig) awaitReturn(ctx context.Context, plan *certgen.Rollover, before headcount, out io.Writer) error {
	for deadline := time.Now().Add(c.recycle.Wait); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(recyclePoll):
		}
		var now headcount
		err := askServers(ctx, c.Servers, func(s serverState) error {
			now.add(s, plan)
			return nil
		})
		if err != nil {
			return err
		}
		if now.old == 0 && now.all >= before.all {
			fmt.Fprintln(out, "all clients are back, none with a certificate of the old CA")
			return nil
		}
		if !time.Now().Before(deadline) {
			return now.late(before, plan, c.recycle.Wait)
		}
	}
}

// late says what is wrong with a fleet when the time to come back is over.
func (f headcount) late(before headcount, plan *certgen.Rollover, wait time.Duration) error {
	if f.old > 0 {
		return fmt.Errorf("after %s, %.0f connections stand on the old CA %s again: their clients came back with the certificates of before, or --recycle does not name their contour; "+
			"find them in the log of contour, which has the address and the certificate of each with reason=recycled, and bring them their files of step 2",
			wait, f.old, certgen.Fingerprint(plan.Old))
	}
	return fmt.Errorf("after %s, %.0f connections fewer are open than before: their clients are gone, or refuse contour's new certificate, since they never loaded the ca.pem of step 1 "+
		"(contour_xds_tls_handshake_failures_total says peer_alert_unknown_ca); bring those their files, and run this again, which goes on without those that are gone",
		wait, before.all-f.all)
}
