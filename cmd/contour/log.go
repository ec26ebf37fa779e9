package main

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/pflag"
)

// logConfig is how a command logs.
type logConfig struct {
	Level  string `mapstructure:"log-level"`
	Format string `mapstructure:"log-format"`
}

func logFlags(flags *pflag.FlagSet) {
	flags.String("log-level", "info", "least `level` to log: debug, info, warn or error")
	flags.String("log-format", "text", "`format` of the log: text or json")
}

// logger returns a logger to out, or an error that names the flag.
func (c logConfig) logger(out io.Writer) (*slog.Logger, error) {
	options := &slog.HandlerOptions{ReplaceAttr: escape}
	switch c.Level {
	case "debug":
		options.Level = slog.LevelDebug
	case "info":
		options.Level = slog.LevelInfo
	case "warn":
		options.Level = slog.LevelWarn
	case "error":
		options.Level = slog.LevelError
	default:
		return nil, fmt.Errorf("--log-level is %q; it must be debug, info, warn or error", c.Level)
	}
	switch c.Format {
	case "text":
		return slog.New(slog.NewTextHandler(out, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(out, options)), nil
	}
	return nil, fmt.Errorf("--log-format is %q; it must be text or json", c.Format)
}

// escape writes what could drive a terminal or turn text around as escape
// sequences of Go. The handlers escape line ends and quotes themselves, and JSON's
// leaves the rest as it is.
func escape(_ []string, a slog.Attr) slog.Attr {
	var text string
	switch v := a.Value.Any().(type) {
	case string:
		text = v
	case error:
		text = v.Error()
	default:
		return a
	}
	if !strings.ContainsFunc(text, unprintable) {
		return a
	}
	var b strings.Builder
	for _, r := range text {
		if unprintable(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return slog.String(a.Key, b.String())
}

func unprintable(r rune) bool {
	return !unicode.IsPrint(r) && r != '\n' && r != '\t' && r != '\r'
}
