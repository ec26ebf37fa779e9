package credentials_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/credentials"
)

func TestAUserTrustsTheirOwnFoldersAndThoseOfRoot(t *testing.T) {
	t.Parallel()
	const root, user, another = 0, 1000, 1001
	for _, row := range []struct {
		owner, user int
		want        bool
	}{
		{root, root, true},
		{user, user, true},
		{root, user, true},
		{user, root, false},
		{another, user, false},
	} {
		if got := credentials.MayKeep(row.owner, row.user); got != row.want {
			t.Errorf("user %d trusts the folder of user %d: %v", row.user, row.owner, got)
		}
	}
}

// TestGeneratedRefusesAFolderOfAnother gives the state folder away, or one in it, after
// which its new owner could have put anything there. Whoever only takes Envoy's files from
// it is told the same.
func TestGeneratedRefusesAFolderOfAnother(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	const nobody = 65534
	for _, which := range []string{"", "ca", "contour", "envoy", "envoy-sds"} {
		t.Run("its folder "+which, func(t *testing.T) {
			t.Parallel()
			s := newState(t)
			s.close(s.open())
			s.must(os.Mkdir(credentials.ClientSDS(s.dir), 0o755))
			s.must(credentials.CheckState(s.dir))
			path := filepath.Join(s.dir, which)
			s.must(os.Chown(path, nobody, -1))
			before := s.content()
			want := fmt.Sprintf("--state-dir %q belongs to user id %d", path, nobody)
			if _, err := credentials.NewGenerated(s.config()); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("who keeps it up: got %v, want %s", err, want)
			}
			if err := credentials.CheckState(s.dir); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("who takes from it: got %v, want %s", err, want)
			}
			if s.content() != before {
				t.Error("it is not what it was")
			}
			s.must(os.Chown(path, 0, -1))
			s.close(s.open())
		})
	}
}
