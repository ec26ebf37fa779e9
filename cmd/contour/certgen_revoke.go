package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/certgen"
)

// revokePrefix begins the environment names: a CERT that is set for contour certgen
// inspect must revoke nothing.
const revokePrefix = certgenPrefix + "REVOKE_"

// revokeConfig is what contour certgen revoke revokes, unpacked.
type revokeConfig struct {
	certgen.RevokeConfig
	// certs are files, the first certificate of each of which is revoked.
	certs []string
}

func newCertgenRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke DIR [NAME...]",
		Short: "Revoke certificates, in lists that contour follows",
		Long: "Revoke the certificates of the folder DIR that are named, or others that its CA issued, and write what is\n" +
			"revoked to DIR/crl.pem: a revocation list (RFC 5280), signed by the CA, and in the midst of a rollover one\n" +
			"of each CA in the bundle. Bring that file to each contour, which follows it (contour serve\n" +
			"--contour-crlfile) and cuts off whoever is on it. Without anything to revoke, the lists are made, or signed\n" +
			"anew.\n\n" +
			"A list ends, so that one which is no longer kept up is not believed for ever. From the first one on,\n" +
			"contour certgen renew and contour certgen ca rotate keep the lists up.\n\n" +
			"DIR/crl.pem is the record of what is revoked, which stays on it until its CA is replaced: don't lose it.\n" +
			"Envoys do not look at it; if the key of a contour is stolen, replace the CA.",
		Example: "  contour certgen revoke certificates envoy-edge\n" +
			"  contour certgen revoke certificates --cert stolen.pem\n" +
			"  contour certgen revoke certificates --serial 5C1F0E83A94B",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			cfg, err := s.revoke()
			if err != nil {
				return err
			}
			cfg.Names = args[1:]
			return revoke(cfg, args[0], cmd.OutOrStdout())
		},
	}
	groups := newFlagGroups(cmd, revokePrefix)
	groups.group("Certificates", func(flags *pflag.FlagSet) {
		flags.StringSlice("cert", nil, "`file` with a certificate to revoke, or several, separated by commas")
		flags.StringSlice("serial", nil, "serial `number` of a certificate to revoke, in hexadecimal digits, or several, separated by commas")
		flags.String("reason", certgen.ReasonNames()[0], "`reason` to list: keyCompromise, superseded, cessationOfOperation, affiliationChanged or unspecified")
	})
	groups.group("Lists", func(flags *pflag.FlagSet) {
		flags.String("crl-lifetime", "", "`time` that the lists are good for, such as 90d (default: that of the lists before, or "+
			certgen.FormatLifetime(certgen.DefaultListLifetime)+")")
	})
	groups.group("Settings", configFileFlag)
	return cmd
}

func (s *settings) revoke() (revokeConfig, error) {
	var cfg revokeConfig
	var err error
	if cfg.Reason, err = certgen.ParseReason(fmt.Sprint(s.value("reason"))); err != nil {
		return cfg, s.about("reason", err)
	}
	if lifetime := fmt.Sprint(s.value("crl-lifetime")); lifetime != "" {
		if cfg.Lifetime, err = certgen.ParseLifetime(lifetime); err != nil {
			return cfg, s.about("crl-lifetime", err)
		}
	}
	for _, text := range s.list("serial") {
		serial, err := certgen.ParseSerial(text)
		if err != nil {
			return cfg, s.about("serial", err)
		}
		cfg.Serials = append(cfg.Serials, serial)
	}
	for _, path := range s.list("cert") {
		cert, err := certgen.ReadCertificate(path)
		if err != nil {
			return cfg, s.about("cert", err)
		}
		cfg.Certificates = append(cfg.Certificates, cert)
		cfg.certs = append(cfg.certs, path)
	}
	return cfg, nil
}

func revoke(cfg revokeConfig, dir string, out io.Writer) error {
	return withFolder(dir, func(folder *certgen.Folder) error {
		revoked, change, err := folder.Revoke(cfg.RevokeConfig)
		if err != nil {
			return err
		}
		for i, r := range revoked {
			fmt.Fprintln(out, cfg.line(folder, i, r))
		}
		r := report{dir: dir, out: out, errOut: out}
		r.add(change)
		if err := r.print(folder, "signed"); err != nil {
			return err
		}
		fmt.Fprint(out, afterRevoking(dir, folder.Path(certgen.ListName, ""), revoked))
		return nil
	})
}

// line says what became of the revocation with that index.
func (c revokeConfig) line(folder *certgen.Folder, i int, r certgen.Revocation) string {
	what := ""
	switch i -= len(c.Names); {
	case r.Name != "":
		what = folder.Path(r.Name, "") + ": "
	case i < len(c.certs):
		what = c.certs[i] + ": "
	}
	done := "revoked"
	if !r.Since.IsZero() {
		done = "revoked already, at " + r.Since.Format(time.RFC3339)
	}
	return fmt.Sprintf("%s%s, serial number %s", what, done, certgen.FormatSerial(r.Serial))
}

// afterRevoking says what is left to do.
func afterRevoking(dir, list string, revoked []certgen.Revocation) string {
	text := fmt.Sprintf("\nBring %s to each contour that has --contour-crlfile: it cuts off what is new on it within a second.\n", list)
	var names []string
	server := false
	for _, r := range revoked {
		server = server || r.Server
		if r.Name != "" {
			names = append(names, r.Name)
		}
	}
	if len(names) > 0 {
		text += fmt.Sprintf("A new certificate with a new key: contour certgen renew %s %s\n", quoted(dir), strings.Join(names, " "))
	}
	if server {
		text += "One of these is a contour's. Envoys do not look at revocation lists: contour certgen ca rotate replaces the CA, which keeps the stolen key from passing for contour.\n"
	}
	return text
}
