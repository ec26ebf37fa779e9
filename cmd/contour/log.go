package main

import (
	"fmt"
	"io"
	"log/slog"

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
	options := &slog.HandlerOptions{}
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
