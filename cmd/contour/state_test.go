package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestStateIsKeptWhereItBelongs(t *testing.T) {
	for name, test := range map[string]struct {
		user user
		want string
	}{
		"root":                              {user{root: true, home: "/root"}, "/var/lib/contour"},
		"root with a folder of its own":     {user{root: true, home: "/root", state: "/root/state"}, "/var/lib/contour"},
		"a user":                            {user{home: "/home/me"}, "/home/me/.local/state/contour"},
		"a user with a folder of their own": {user{home: "/home/me", state: "/state/me"}, "/state/me/contour"},
		"a user with a relative one":        {user{home: "/home/me", state: "state"}, "/home/me/.local/state/contour"},
		"a user without a home":             {user{state: "/state/me"}, "/state/me/contour"},
		"a user without anything":           {user{}, ""},
	} {
		got, err := test.user.stateDir()
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), "give --state-dir") {
			t.Errorf("%s: no remedy in %v", name, err)
		}
	}
}

func TestParentsOfTheDefaultStateAreMadeForTheirOwner(t *testing.T) {
	home := t.TempDir()
	dir, err := user{home: home}.stateDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := makeStateParents(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(home, ".local", "state"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v", info, err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder itself: %v", err)
	}
}

func TestGeneratedServesWhereItMay(t *testing.T) {
	for name, test := range map[string]struct {
		state   stateConfig
		address string
		refused bool
	}{
		"loopback":                        {stateConfig{}, "127.0.0.1", false},
		"loopback of IPv6":                {stateConfig{}, "::1", false},
		"localhost":                       {stateConfig{}, "localhost", false},
		"every address":                   {stateConfig{}, "0.0.0.0", true},
		"a name":                          {stateConfig{}, "contour.example", true},
		"every address of the one server": {stateConfig{given: true}, "0.0.0.0", false},
	} {
		if err := test.state.check(test.address); (err != nil) != test.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGeneratedServersAreKnownByWhatIsDialed(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1": "", "::1": "", "localhost": "", "0.0.0.0": "", "::": "",
		"192.0.2.1": "IP:192.0.2.1", "2001:db8::1": "IP:2001:db8::1", "contour.example": "DNS:contour.example",
	} {
		names := generatedServerNames(address)
		if all := []string{"DNS:contour", "DNS:localhost", "IP:127.0.0.1", "IP:::1"}; !slices.Equal(names[:4], all) {
			t.Errorf("%s: got %v", address, names)
		}
		if got := strings.Join(names[4:], " "); got != want {
			t.Errorf("%s: got %q besides, not %q", address, got, want)
		}
	}
}
