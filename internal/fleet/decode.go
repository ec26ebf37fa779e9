package fleet

import (
	"time"

	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// decode reads what [encode] wrote, and what another version of it did as far as it
// goes: what is missing is empty.
func decode(config *statusv3.ClientConfig) Client {
	node := config.GetNode()
	more := node.GetMetadata().GetFields()[metadataKey].GetStructValue().GetFields()
	c := Client{
		NodeID: node.GetId(), Group: node.GetCluster(), UserAgent: node.GetUserAgentName(), UserAgentVersion: node.GetUserAgentVersion(),
		Identity: more[identityField].GetStringValue(), Rule: more[ruleField].GetStringValue(), Address: more[addressField].GetStringValue(),
		Connected: timeOf(more[connectedField]), CertificateEnd: timeOf(more[certificateEndField]),
		Root: more[rootField].GetStringValue(), OnNewestRoot: more[onNewestRootField].GetBoolValue(),
	}
	for _, p := range more[protocolsField].GetListValue().GetValues() {
		c.Protocols = append(c.Protocols, p.GetStringValue())
	}
	types := more[typesField].GetListValue().GetValues()
	for i, generic := range config.GetGenericXdsConfigs() {
		var fields map[string]*structpb.Value
		if i < len(types) {
			fields = types[i].GetStructValue().GetFields()
		}
		c.Types = append(c.Types, decodeType(generic, fields))
	}
	return c
}

func decodeType(generic *statusv3.ClientConfig_GenericXdsConfig, more map[string]*structpb.Value) Type {
	t := Type{
		URL: generic.GetTypeUrl(), Name: more[nameField].GetStringValue(), State: NotSent, Wildcard: more[wildcardField].GetBoolValue(),
		Names: int(more[namesField].GetNumberValue()), Streams: int(more[streamsField].GetNumberValue()),
		Acked: Mark{generic.GetVersionInfo(), timestampOf(generic.GetLastUpdated())},
	}
	for state, words := range configStates {
		if words.config == generic.GetConfigStatus() {
			t.State = state
		}
	}
	t.Sent = t.Acked
	if version, ok := more[sentVersionField]; ok {
		t.Sent = Mark{version.GetStringValue(), timeOf(more[sentAtField])}
	}
	if failure := generic.GetErrorState(); failure != nil {
		t.Refused, t.Reason = Mark{failure.GetVersionInfo(), timestampOf(failure.GetLastUpdateAttempt())}, failure.GetDetails()
	}
	return t
}

func timeOf(v *structpb.Value) time.Time {
	t, err := time.Parse(time.RFC3339Nano, v.GetStringValue())
	if err != nil {
		return time.Time{}
	}
	return t
}

func timestampOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
