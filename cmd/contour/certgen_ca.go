package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/certgen"
)

// defaultWait is how long Kubernetes may take to bring a Secret to its pods, and a
// good deal more.
const defaultWait = 5 * time.Minute

// rotateConfig is the settings of contour certgen ca rotate.
type rotateConfig struct {
	Servers     []string      `mapstructure:"server"`
	Distributed bool          `mapstructure:"distributed"`
	Wait        time.Duration `mapstructure:"wait"`

	recycle   recycleConfig
	authority certgen.AuthorityConfig
}

func newCertgenCA() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "Replace the CA",
		Long:  "Replace the CA that contour certgen made.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCertgenRotate())
	return cmd
}

func newCertgenRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate DIR",
		Short: "Make the next of the three steps that replace the CA without an interruption",
		Long: "Make the next step of a rollover of the CA in the folder DIR, which keeps where it is:\n\n" +
			"  1. a new CA, put into every bundle beside the old one;\n" +
			"  2. every certificate issued anew, by the new CA;\n" +
			"  3. the old CA taken out of every bundle.\n\n" +
			"A step must have reached every contour and every Envoy before the next one. It is refused until --wait is\n" +
			"over, as long as a contour that --server names is not there yet, and without your own word for what\n" +
			"nobody can ask (--distributed). A step that was cut short is ended first, by running this again. The first\n" +
			"step is made anew when less than a third of the life of its CA is left, which never signed.\n\n" +
			"An Envoy that follows its files keeps the connection that it opened with the old certificate. Before the\n" +
			"third step, --recycle has the contours close such connections, so that it comes back with the new one.",
		Example: "  contour certgen ca rotate certificates\n" +
			"  contour certgen ca rotate certificates --server http://contour:8000 --distributed\n" +
			"  contour certgen ca rotate certificates --server http://contour:8000 --recycle contour:8001",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			cfg, err := s.rotate()
			if err != nil {
				return err
			}
			output, err := s.output()
			if err != nil {
				return err
			}
			r := report{dir: args[0], output: output, out: cmd.OutOrStdout(), errOut: cmd.ErrOrStderr()}
			return rotate(cmd.Context(), cfg, r)
		},
	}
	groups := newFlagGroups(cmd, certgenPrefix)
	groups.group("Safeguards", func(flags *pflag.FlagSet) {
		flags.StringSlice("server", nil, "`URLs` of the metrics listener of each contour, which is asked whether it is there yet, separated by commas")
		flags.Bool("distributed", false, "your word that every contour and every Envoy has loaded the files of the step before")
		flags.Duration("wait", defaultWait, "`time` that the files of a step have before the next one, at least")
	})
	groups.group("Connections of the old CA", recycleFlags)
	groups.group("New CA", func(flags *pflag.FlagSet) {
		authorityFlags(flags)
		keyTypeFlag(flags)
	})
	groups.group("Output", outputFlags)
	groups.group("Settings", configFileFlag)
	return cmd
}

func (s *settings) rotate() (rotateConfig, error) {
	var cfg rotateConfig
	if err := s.decode(&cfg); err != nil {
		return cfg, err
	}
	if cfg.Wait < 0 {
		return cfg, s.about("wait", fmt.Errorf("%s is less than nothing; give 0s to go on at once", cfg.Wait))
	}
	for _, server := range cfg.Servers {
		if _, err := metricsURL(server); err != nil {
			return cfg, s.about("server", err)
		}
	}
	var err error
	if cfg.recycle, err = s.recycle(cfg.Servers); err != nil {
		return cfg, err
	}
	cfg.authority, err = s.authority()
	return cfg, err
}

// rotate makes the next step, unless it is too early for it.
func rotate(ctx context.Context, cfg rotateConfig, r report) error {
	return withFolder(r.dir, func(folder *certgen.Folder) error {
		if err := r.readyFor(folder, nil); err != nil {
			return err
		}
		plan, err := folder.Rollover()
		if err != nil {
			return err
		}
		if len(plan.Unfinished) == 0 {
			err := cfg.comeBack(ctx, folder, plan, r.words())
			if err == nil {
				err = cfg.ready(ctx, plan, time.Now())
			}
			if err != nil {
				return fmt.Errorf("step %d of 3 is refused: %w", plan.Step, err)
			}
		}
		changes, failed := folder.Rotate(plan, cfg.authority)
		r.add(changes...)
		if failed != nil && len(changes) == 0 {
			return failed
		}
		err = errors.Join(r.print(folder, "changed"), failed)
		if err == nil {
			fmt.Fprint(r.words(), afterStep(plan, cfg))
		}
		return err
	})
}

// ready tells why it is too early for a step.
func (c rotateConfig) ready(ctx context.Context, plan *certgen.Rollover, now time.Time) error {
	if plan.Step == certgen.StepBundles {
		return nil
	}
	if err := c.waited(plan, now); err != nil {
		return err
	}
	if err := askServers(ctx, c.Servers, func(s serverState) error { return s.ready(plan) }); err != nil {
		return err
	}
	if c.Distributed || plan.Step == certgen.StepRetire && len(c.Servers) > 0 {
		return nil
	}
	return errors.New(confirm[plan.Step])
}

// waited tells how long the files of the step before have still to arrive.
func (c rotateConfig) waited(plan *certgen.Rollover, now time.Time) error {
	if c.Wait == 0 { // also where the clock was ahead when that step was made
		return nil
	}
	left := plan.Since.Add(c.Wait).Sub(now)
	if left <= 0 {
		return nil
	}
	return fmt.Errorf("step %d was made at %s, and its files have %s to reach every contour and every Envoy; wait another %s, or give --wait 0s if they have",
		plan.Step-1, plan.Since.Format(time.RFC3339), c.Wait, left.Round(time.Second))
}

// confirm says what only the operator can know before a step.
var confirm = map[int]string{
	certgen.StepLeaves: "whoever has not loaded the bundle with both CAs would refuse the certificates that it issues; " +
		"give --distributed once every contour and every Envoy has the ca.pem of step 1 in use (Envoy's /certs shows the new CA under ca_cert)",
	certgen.StepRetire: "whoever still has a certificate of the old CA would be refused from then on; " +
		"name each contour with --server http://HOST:8000, or give --distributed once every contour and every Envoy has connected with its files of step 2",
}

// bring is what follows each step.
const bring = "Bring each folder to its side, and restart each contour and each Envoy that does not follow its files"

// afterStep says what was reached, and what must happen before the next step.
func afterStep(plan *certgen.Rollover, cfg rotateConfig) string {
	var next string
	switch plan.Step {
	case certgen.StepBundles:
		next = bring + ".\n" +
			"Each Envoy's /certs then shows the new CA under ca_cert, and each contour's metrics have a series of contour_xds_connections for it.\n" +
			"Then run this again, with --distributed, and --server for each contour."
	case certgen.StepLeaves:
		next = bring + ".\n" +
			"When every Envoy has connected anew, each contour's metrics have no connection of the old CA: contour_xds_connections{root=\"" + certgen.Fingerprint(plan.Old) + "\"} is 0.\n" +
			"Then run this again, with --server for each contour.\n" +
			"An Envoy that follows its files comes back with its new certificate when its connection ends; to have it do so at\n" +
			"once, give --recycle HOST:8001 for each contour as well."
	default:
		return "Step 3 of 3 is made: the rollover is over.\n" +
			bring + "; until then they trust the old CA.\n"
	}
	return fmt.Sprintf("Step %d of 3 is made, and must be everywhere before the next one, which is refused for %s.\n%s\n", plan.Step, cfg.Wait, next)
}
