package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/credentials"
)

// A statusCaller is as whom contour status asks.
type statusCaller struct {
	material *credentials.Material
	// name is the one that servers must bear, where it was given.
	name string
	// servers are the certificates of the folder's servers; none with files of the
	// caller's own.
	servers []*x509.Certificate
}

func newStatusCaller(cfg statusConfig, now time.Time, log *slog.Logger) (*statusCaller, error) {
	c := &statusCaller{name: cfg.ServerName}
	var err error
	if cfg.channel != nil {
		c.material, err = credentials.Load(*cfg.channel, credentials.Client, now, log)
		return c, err
	}
	if err := c.beOperator(cfg.From, now); err != nil {
		return nil, fmt.Errorf("issuing a certificate for the call: %w; give the folder of contour certgen, or the --%s of contour serve, as --from, "+
			"be a user who may read the key of its CA, or give --%s, --%s and --%s of somebody who may see the fleet",
			err, stateFlag, statusChannel.ca, statusChannel.cert, statusChannel.key)
	}
	return c, nil
}

// beOperator has a certificate issued by the CA of a folder, which stays in memory. In a
// rollover it trusts servers of both CAs.
func (c *statusCaller) beOperator(dir string, now time.Time) error {
	folder := certgen.ReadFolder(dir)
	plan, err := folder.Rollover()
	if err != nil {
		return err
	}
	operator, err := folder.Operator()
	if err != nil {
		return err
	}
	var roots []*x509.Certificate
	for _, root := range []*x509.Certificate{plan.New, plan.Old} {
		if root != nil {
			roots = append(roots, root)
		}
	}
	c.material = credentials.NewMaterial(operator.Chain(), operator.Key(), roots, now)
	c.servers = plan.Servers
	return nil
}

// tls is how the server at an address is called.
func (c *statusCaller) tls(address string) *tls.Config {
	name := c.name
	if name == "" {
		name = bootstrap.DefaultServerName
		if c.servers != nil {
			name = serverNameOf("", address, c.servers)
		}
	}
	return credentials.ClientTLS(c.material, name)
}
