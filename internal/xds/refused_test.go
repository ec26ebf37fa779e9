package xds_test

import "testing"

// TestWhatWasRefusedTogetherIsSentAgainWithTheRemedy plays a client that refuses a
// response for one of several resources. It may have taken over none of it, and so is
// sent the others again when the next change comes (xDS protocol, "ACK and NACK":
// a refusal says that the client goes on with what it had).
func TestWhatWasRefusedTogetherIsSentAgainWithTheRemedy(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		script
	}{
		{"of names", `
			publish route/bad@1 route/good@1
			> route +bad +good
			< route bad@1 good@1
			publish route/bad@2 route/good@2
			< route bad@2 good@2 refused
			publish route/bad@3 route/good@2
			< route bad@3 good@2`},
		{"of everything", `
			publish cluster/bad@1 cluster/good@1 cluster/other@1
			> cluster
			< cluster bad@1 good@1 other@1
			publish cluster/bad@2 cluster/good@2 cluster/other@1
			sotw < cluster bad@2 good@2 other@1 refused
			delta < cluster bad@2 good@2 refused
			publish cluster/bad@3 cluster/good@2 cluster/other@1
			sotw < cluster bad@3 good@2 other@1
			delta < cluster bad@3 good@2`},
		{"a removal is a remedy as well", `
			publish cluster/bad@1 cluster/good@1
			> cluster
			< cluster bad@1 good@1
			publish cluster/bad@2 cluster/good@2
			< cluster bad@2 good@2 refused
			publish cluster/good@2
			sotw < cluster good@2
			delta < cluster good@2 -bad`},
		{"a cluster comes with its endpoints", `
			publish cluster/bad@1 cluster/good>e@1 endpoint/e@1
			> cluster
			< cluster bad@1 good@1
			> endpoint +e
			< endpoint e@1
			publish cluster/bad@2 cluster/good>e@2 endpoint/e@1
			< cluster bad@2 good@2 refused
			< endpoint e@1
			publish cluster/bad@3 cluster/good>e@2 endpoint/e@1
			< cluster bad@3 good@2
			< endpoint e@1`},
		{"what was given up meanwhile is not", `
			publish route/bad@1 route/good@1
			> route +bad +good
			< route bad@1 good@1
			publish route/bad@2 route/good@2
			< route bad@2 good@2 refused
			> route -good
			publish route/bad@3 route/good@2
			< route bad@3`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			variants(t, row.script)
		})
	}
}
