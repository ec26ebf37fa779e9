package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

//go:generate go test -count=1 -run ^TestReference . -update

var update = flag.Bool("update", false, "write docs/reference anew")

// checkReference holds a page of docs/reference to what the code says.
func checkReference(t *testing.T, name string, want []byte) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "reference", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make generate writes it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/reference/%s is not what the code says; make generate writes it anew (- code, + page):\n%s", name, diff)
	}
}

// generated is the first line of what this test writes.
const generated = "<!-- Generated from the code by `make generate`; a test fails when it differs. -->\n\n"

const flagsIntroduction = `# Flags

Each setting of a command is a flag, an environment variable and a key of the configuration file that ` + "`--config`" + ` names.
A flag beats the environment, the environment beats the file, and the file beats the default.
A setting that is given but empty is an error; leave it out instead.

The file is YAML, JSON or TOML, with a section for each command: ` + "`serve.xds-port`" + ` is the key ` + "`xds-port`" + ` in the section ` + "`serve`" + `, as in [examples/contour.yaml](../../examples/contour.yaml).
A key that no command knows is an error.
A list is separated by commas as a flag and in the environment, and may be a list in the file.
Every command has ` + "`--help`" + ` besides.
`

// TestReferenceOfFlags writes flags.md from the command line's own tree.
func TestReferenceOfFlags(t *testing.T) {
	var page bytes.Buffer
	page.WriteString(generated + flagsIntroduction)
	root := newRoot()
	root.InitDefaultCompletionCmd()
	describeFlags(&page, root)
	checkReference(t, "flags.md", page.Bytes())
}

// describeFlags writes a chapter for each command, in the order of the help.
func describeFlags(page io.Writer, parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		switch {
		case cmd.Flags().Lookup(configFlag) != nil:
			describeSettings(page, cmd)
		case !cmd.HasSubCommands():
			fmt.Fprintf(page, "\n## %s\n\n%s.\nIt has no settings.\n", cmd.CommandPath(), cmd.Short)
			cmd.Flags().VisitAll(func(f *pflag.Flag) { fmt.Fprintf(page, "`--%s`: %s.\n", f.Name, f.Usage) })
		}
		describeFlags(page, cmd)
	}
}

// describeSettings writes the chapter of one command that has settings.
func describeSettings(page io.Writer, cmd *cobra.Command) {
	fmt.Fprintf(page, "\n## %s\n\n%s.\n", cmd.CommandPath(), cmd.Short)
	titles, groups := groupFlags(cmd.Flags())
	for _, title := range titles {
		fmt.Fprintf(page, "\n### %s\n\n| flag | environment | file key | type | default | help |\n|---|---|---|---|---|---|\n", title)
		groups[title].VisitAll(func(f *pflag.Flag) { describeFlag(page, cmd, cmd.Flags().Lookup(f.Name)) })
	}
}

// describeFlag writes the row of one setting. The configuration file is the one
// setting that the file can't give.
func describeFlag(page io.Writer, cmd *cobra.Command, f *pflag.Flag) {
	takes, help := pflag.UnquoteUsage(f)
	key := sectionName(cmd) + "." + f.Name
	if f.Name == configFlag {
		key = ""
	}
	kind, byDefault := f.Value.Type(), f.DefValue
	if kind == "stringSlice" {
		kind, byDefault = "list", strings.Trim(byDefault, "[]")
	}
	fmt.Fprintf(page, "| %s | %s | %s | %s | %s | %s |\n",
		code(strings.TrimSpace("--"+f.Name+" "+takes)), code(envName(f)), code(key), kind, code(byDefault), cell(help))
}

// code is text in a table as it is typed; an empty one is an empty cell.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + cell(text) + "`"
}

// cell keeps text from ending its cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
