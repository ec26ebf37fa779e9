package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/files"
)

// report tells what was done: to a person on standard output, or, where Secrets go
// there, on standard error.
type report struct {
	dir         string
	output      outputConfig
	out, errOut io.Writer

	changes []certgen.Change
}

func (r *report) add(changes ...certgen.Change) { r.changes = append(r.changes, changes...) }

// words is where text for a person goes.
func (r *report) words() io.Writer {
	if r.output.Format == formatKubernetes {
		return r.errOut
	}
	return r.out
}

// print tells each change, and hands out the Secrets of what was changed.
func (r *report) print(folder *certgen.Folder, nothing string) error {
	if len(r.changes) == 0 {
		fmt.Fprintf(r.words(), "nothing to be %s\n", nothing)
	}
	var names []string
	for _, change := range r.changes {
		line := fmt.Sprintf("%s: %s", folder.Path(change.Name, ""), change.Done)
		if len(change.Names) > 0 {
			line += " for " + strings.Join(change.Names, ", ")
		}
		fmt.Fprintf(r.words(), "%s; ends %s\n", line, change.End.Format(time.RFC3339))
		if change.Note != "" {
			fmt.Fprintf(r.words(), "  note: %s\n", change.Note)
		}
		if change.Name != authorityFolder && change.Name != certgen.ListName {
			names = append(names, change.Name)
		}
	}
	if r.output.Format != formatKubernetes || len(names) == 0 {
		return nil
	}
	identities, err := folder.Chosen(names)
	if err != nil {
		return err
	}
	if err := r.output.write(identities, r.out); err != nil {
		return fmt.Errorf("%w; the certificates are made all the same, and contour certgen secrets %s hands them out", err, quoted(r.dir))
	}
	return nil
}

// ready looks, before anything is changed, whether the Secrets of these identities can
// be handed out.
func (r *report) ready(names []string) error {
	if r.output.Format != formatKubernetes {
		return nil
	}
	return cmp.Or(r.output.checkOut(), r.output.checkNames(names))
}

// readyFor is ready for identities that are there.
func (r *report) readyFor(folder *certgen.Folder, names []string) error {
	if r.output.Format != formatKubernetes {
		return nil
	}
	identities, err := folder.Chosen(names)
	if err != nil {
		return err
	}
	return r.ready(namesOf(identities))
}

func namesOf(identities []*certgen.Identity) []string {
	var names []string
	for _, identity := range identities {
		names = append(names, identity.Name)
	}
	return names
}

// authorityFolder is where a certgen.Folder keeps its CA.
const authorityFolder = "ca"

// envoySDS is the folder of SDS files that is proposed, beside the bootstrap.
const envoySDS = "envoy-sds"

// printStart says how both sides are started with what was made, so that each follows its
// files: one that did not would have to be restarted for each renewal.
func (r *report) printStart(folder *certgen.Folder) error {
	server, err := folder.Identity(serverIdentity)
	if err != nil {
		return err
	}
	client, err := folder.Identity(clientIdentity)
	if err != nil {
		return err
	}
	demand, note := demandedName(server)
	fmt.Fprintf(r.words(), `
Start contour, with your folder of resources, where it finds its three files:

  contour serve --resources resources --credential-provider %s \
    --contour-cafile %s \
    --contour-mtls-cert %s \
    --contour-mtls-key %s

Write what Envoy starts with, with the paths that hold where Envoy runs:

  contour bootstrap envoy.yaml --resources-dir %s%s \
    --envoy-cafile %s \
    --envoy-mtls-cert %s \
    --envoy-mtls-key %s

%sNeither needs a restart for what contour certgen renew %s issues; where they have copies, move the
new ones over the old ones.
The CA's key in %s signs whatever it is asked to: keep that folder away from both.
`, providerWatch, quoted(server.CA), quoted(server.Cert), quoted(server.Key),
		envoySDS, demand, quoted(client.CA), quoted(client.Cert), quoted(client.Key),
		note, quoted(r.dir), folder.Path(authorityFolder, ""))
	return nil
}

// demandedName is the flag by which Envoy demands a name that the server has, where
// it lacks the one that is demanded by default.
func demandedName(server *certgen.Identity) (flag, note string) {
	leaf := server.Chain[0]
	switch {
	case leaf.VerifyHostname(bootstrap.DefaultServerName) == nil:
		return "", ""
	case len(leaf.DNSNames) > 0:
		return " --xds-server-name " + leaf.DNSNames[0], ""
	case len(leaf.IPAddresses) > 0:
		return " --xds-server-name " + leaf.IPAddresses[0].String(), ""
	}
	return "", "Envoy demands a DNS name or an address of contour, and this certificate has none: give --server-sans one.\n\n"
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if strings.ContainsFunc(path, func(c rune) bool {
		return !strings.ContainsRune("/._-+:,@%", c) && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	}) {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

// checkOut looks, before anything is done, whether the Secrets can be written where
// they are to go.
func (c outputConfig) checkOut() error {
	if c.Out == "" {
		return nil
	}
	info, err := os.Lstat(c.Out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if info, err := os.Stat(filepath.Dir(c.Out)); err != nil || !info.IsDir() {
			return fmt.Errorf("--out %q: %q is no folder; make it first, or give another path", c.Out, filepath.Dir(c.Out))
		}
		return nil
	case err != nil:
		return fmt.Errorf("--out: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("--out %q is no regular file; give the path of one, or leave it out for standard output", c.Out)
	case !c.OverwriteOut:
		return fmt.Errorf("--out %q is there already; give another path, or --overwrite-out", c.Out)
	}
	return nil
}

// checkNames fails for Secrets that Kubernetes would refuse, or take one for another.
func (c outputConfig) checkNames(names []string) error {
	taken := make(map[string]string)
	for _, name := range names {
		cfg := c.secret(name)
		if err := cfg.Check(); err != nil {
			return fmt.Errorf("naming the Secret of %q (--secret-name, --namespace): %w", name, err)
		}
		other, twice := taken[cfg.Name]
		switch {
		case twice && other == name:
			return fmt.Errorf("%q is named twice; name it once", name)
		case twice:
			return fmt.Errorf("--secret-name %q gives %q and %q one Secret, which can hold one of them; give a name with NAME in it", c.SecretName, other, name)
		}
		taken[cfg.Name] = name
	}
	return nil
}

// secret is what the Secret of an identity is called.
func (c outputConfig) secret(identity string) certgen.SecretConfig {
	return certgen.SecretConfig{Name: strings.ReplaceAll(c.SecretName, "NAME", identity), Namespace: c.Namespace}
}

// write hands out identities as Secrets.
func (c outputConfig) write(identities []*certgen.Identity, out io.Writer) error {
	var documents [][]byte
	for _, identity := range identities {
		secret, err := certgen.Secret(c.secret(identity.Name), identity)
		if err != nil {
			return fmt.Errorf("writing the Secret of %q (--secret-name, --namespace): %w", identity.Name, err)
		}
		documents = append(documents, secret)
	}
	data := bytes.Join(documents, []byte("---\n"))
	if c.Out == "" {
		_, err := out.Write(data)
		return err
	}
	return files.WriteAtomic(c.Out, data, 0o600)
}
