package resources

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says which folder is read, and what is known besides.
type Config struct {
	// Dir is the folder. Its .yaml, .yml and .json files are read, those of its folders
	// groups/NAME/, and secrets/NAME/ in each of them; other files and hidden ones are
	// passed over.
	Dir string
	// Optional. ExternalClusters are clusters that an Envoy knows from its own start
	// configuration, so that resources may refer to them; unset means only
	// [ServerCluster].
	ExternalClusters []string
	// Optional. Logger takes what [Folder] has to say of changes; unset means
	// nowhere. [Read] logs nothing.
	Logger *slog.Logger
	// Optional. Registerer is where [Open] registers the metrics; unset means
	// nowhere.
	Registerer prometheus.Registerer
}

// Read reads and validates the folder once. Its error is [Errors] when the files
// could be read but not served, and says which folder can't be read otherwise. Either
// is safe to be shown: see the package's documentation.
func Read(cfg Config) (*Snapshots, error) { return newReader(cfg).read(time.Now()) }
