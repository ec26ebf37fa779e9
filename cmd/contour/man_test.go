package main

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

// `make man` runs TestManPages with these. The generator is a test so that the
// binary does not carry it.
var (
	manDir     = flag.String("man", "", "write the man pages to this `folder`, dated SOURCE_DATE_EPOCH")
	manVersion = flag.String("man-version", "", "the `version` that the man pages name")
)

// TestManPages writes a page for each command and looks for what a reader needs.
func TestManPages(t *testing.T) {
	dir, source := *manDir, strings.TrimSpace("contour "+*manVersion)
	if dir == "" {
		dir = t.TempDir()
	}
	date := manDate(t)
	root := manual(newRoot())
	header := doc.GenManHeader{Section: "1", Date: &date, Source: source, Manual: "contour"}
	if err := doc.GenManTree(root, &header, dir); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range commands(root) {
		page := readMan(t, filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		wantInPage(t, cmd, page, date.Format(`"Jan 2006"`), `"`+source+`"`, cmd.Short)
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { wantInPage(t, cmd, page, "--"+f.Name, envName(f)) })
		if strings.Contains(page, "Auto generated") {
			t.Errorf("the page of %s names its generator, which would date it", cmd.CommandPath())
		}
	}
}

// manDate is the time that SOURCE_DATE_EPOCH says, in no zone of the machine's.
func manDate(t *testing.T) time.Time {
	t.Helper()
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil && *manDir != "" {
		t.Fatalf("SOURCE_DATE_EPOCH: %v", err)
	}
	return time.Unix(seconds, 0).UTC()
}

// manual completes the tree as a run would, and has the flags tell their
// environment names, which cobra does not know of.
func manual(root *cobra.Command) *cobra.Command {
	root.InitDefaultCompletionCmd()
	for _, cmd := range commands(root) {
		cmd.DisableAutoGenTag = true
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if env := envName(f); env != "" {
				f.Usage += " [" + env + "]"
			}
		})
	}
	return root
}

// commands lists a command and all below it.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, commands(sub)...)
		}
	}
	return all
}

// readMan returns a page without its escapes.
func readMan(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), `\`, "")
}

func wantInPage(t *testing.T, cmd *cobra.Command, page string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(page, word) {
			t.Errorf("the page of %s has no %s:\n%s", cmd.CommandPath(), word, page)
		}
	}
}
