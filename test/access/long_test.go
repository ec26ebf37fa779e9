//go:build long

package access

import (
	"testing"
	"time"
)

func TestLongNobodyGetsMoreThanTheOracleSays(t *testing.T) {
	newMatrix(t).ask(4 * time.Minute)
}
