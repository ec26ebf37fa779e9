package resources

import (
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestDurationsAreWrittenAsJSON(t *testing.T) {
	for _, d := range []*durationpb.Duration{
		{}, {Seconds: 5}, {Seconds: -5}, {Nanos: 1}, {Nanos: -1}, {Seconds: 1, Nanos: 5e8}, {Seconds: -1, Nanos: -999999999}, {Seconds: 315576000000},
	} {
		encoded, err := json.Marshal(durationText(d.Seconds, d.Nanos))
		if err != nil {
			t.Fatal(err)
		}
		var back durationpb.Duration
		if err := protojson.Unmarshal(encoded, &back); err != nil || !proto.Equal(&back, d) {
			t.Errorf("%s came back as %s (%v)", encoded, &back, err)
		}
	}
}
