package fleet

import (
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// metadataKey is where node.metadata has what csds.proto has no field for.
const metadataKey = "contour"

// Fields of that struct. The last ones are those of an element of types, which are in
// the order of generic_xds_configs.
const (
	identityField       = "identity"
	ruleField           = "rule"
	addressField        = "address"
	protocolsField      = "protocols"
	connectedField      = "connected_since"
	certificateEndField = "certificate_not_after"
	rootField           = "root"
	onNewestRootField   = "root_is_newest"
	typesField          = "types"

	nameField        = "type"
	wildcardField    = "wildcard"
	namesField       = "names"
	streamsField     = "streams"
	sentVersionField = "sent_version"
	sentAtField      = "sent_at"
)

// configStates say what the state of a type is in csds.proto's words: as the server
// sees it, and as the client does.
var configStates = map[State]struct {
	config statusv3.ConfigStatus
	client adminv3.ClientResourceStatus
}{
	Refused: {statusv3.ConfigStatus_ERROR, adminv3.ClientResourceStatus_NACKED},
	Stale:   {statusv3.ConfigStatus_STALE, adminv3.ClientResourceStatus_REQUESTED},
	NotSent: {statusv3.ConfigStatus_NOT_SENT, adminv3.ClientResourceStatus_REQUESTED},
	Synced:  {statusv3.ConfigStatus_SYNCED, adminv3.ClientResourceStatus_ACKED},
}

// encode puts a client into the words of csds.proto.
func encode(c *Client) (*statusv3.ClientConfig, error) {
	types := make([]any, 0, len(c.Types))
	config := &statusv3.ClientConfig{Node: &corev3.Node{Id: c.NodeID, Cluster: c.Group, UserAgentName: c.UserAgent}}
	if c.UserAgentVersion != "" {
		config.Node.UserAgentVersionType = &corev3.Node_UserAgentVersion{UserAgentVersion: c.UserAgentVersion}
	}
	for i := range c.Types {
		config.GenericXdsConfigs = append(config.GenericXdsConfigs, encodeType(&c.Types[i]))
		types = append(types, moreOf(&c.Types[i]))
	}
	protocols := make([]any, 0, len(c.Protocols))
	for _, p := range c.Protocols {
		protocols = append(protocols, p)
	}
	more, err := structpb.NewStruct(map[string]any{metadataKey: map[string]any{
		identityField: c.Identity, ruleField: c.Rule, addressField: c.Address, protocolsField: protocols,
		connectedField: stamp(c.Connected), certificateEndField: stamp(c.CertificateEnd),
		rootField: c.Root, onNewestRootField: c.OnNewestRoot, typesField: types,
	}})
	config.Node.Metadata = more
	return config, err
}

// encodeType is one that holds no resource, and so speaks of all of its type.
func encodeType(t *Type) *statusv3.ClientConfig_GenericXdsConfig {
	state := configStates[t.State]
	generic := &statusv3.ClientConfig_GenericXdsConfig{
		TypeUrl: t.URL, VersionInfo: t.Acked.Version, ConfigStatus: state.config, ClientStatus: state.client,
	}
	if !t.Acked.At.IsZero() {
		generic.LastUpdated = timestamppb.New(t.Acked.At)
		if t.State == Stale { // it goes on with what it accepted
			generic.ClientStatus = adminv3.ClientResourceStatus_ACKED
		}
	}
	if t.State == Refused { // and cleared after the next success (config_dump_shared.proto)
		generic.ErrorState = &adminv3.UpdateFailureState{
			Details: t.Reason, VersionInfo: t.Refused.Version, LastUpdateAttempt: timestamppb.New(t.Refused.At),
		}
	}
	return generic
}

// moreOf is what the message of a type has no field for. What was sent is left out
// where it was accepted.
func moreOf(t *Type) map[string]any {
	more := map[string]any{nameField: t.Name, namesField: t.Names, streamsField: t.Streams}
	if t.Wildcard {
		more[wildcardField] = true
	}
	if t.Sent.Version != t.Acked.Version {
		more[sentVersionField], more[sentAtField] = t.Sent.Version, stamp(t.Sent.At)
	}
	return more
}

// stamp is a time as text, to the millisecond; "" is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
}
