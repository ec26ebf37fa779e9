package envoy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRedactLeavesNoPartOfAKey(t *testing.T) {
	// Put together here, so that no file of the project looks like one with a key.
	begin, end := "-----BEGIN EC PRIVATE "+"KEY-----", "-----END EC PRIVATE "+"KEY-----"
	for _, test := range []struct{ name, log, want string }{
		{"a log without a key stays as it is", "one - two\n---\n", "one - two\n---\n"},
		{"a key goes, its neighbours stay", "a\n" + begin + "\nSECRET\n" + end + "\nb", "a\n(private key)\nb"},
		{"of two keys both go", begin + "SECRET" + end + "b" + begin + "SECRET" + end, "(private key)b(private key)"},
		{"a key in a quotation goes", `a "` + begin + `\nSECRET\n` + end + `\n" b`, `a "(private key)\n" b`},
		{"a key whose end is cut off goes", "a " + begin + "\nSECRET", "a (private key)"},
		{"a key whose beginning is cut off goes", "SECRET\n" + end + "\nb", "(private key)\nb"},
		{"a key whose beginning is cut off goes, and a whole one", "SECRET" + end + "b" + begin + "SECRET" + end + "c", "(private key)b(private key)c"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := redact([]byte(test.log)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestLogIsBoundedAndKeepsItsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 100)+"end"), 0o600); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int64]string{5: "xxend", 1000: strings.Repeat("x", 100) + "end"} {
		if got, err := readTail(path, limit); err != nil || string(got) != want {
			t.Errorf("limit %d: got %q, %v; want %q", limit, got, err, want)
		}
	}
}
