package bootstrap

import (
	"fmt"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Protocol is a variant of xDS, as --xds-protocol names it.
type Protocol string

// The four variants: all types over one aggregated stream (ADS) or each
// subscription over a stream of its own, and in each response what changed
// (delta) or everything (state of the world).
const (
	DeltaADS Protocol = "delta-ads"
	ADS      Protocol = "ads"
	Delta    Protocol = "delta"
	SotW     Protocol = "sotw"
)

// ParseProtocol returns the protocol of that name. Its error names all four.
func ParseProtocol(name string) (Protocol, error) {
	switch p := Protocol(name); p {
	case DeltaADS, ADS, Delta, SotW:
		return p, nil
	default:
		return "", fmt.Errorf("--xds-protocol %q is none of %s, %s, %s and %s", name, DeltaADS, ADS, Delta, SotW)
	}
}

func (p Protocol) aggregated() bool { return p == DeltaADS || p == ADS }

func (p Protocol) apiType() corev3.ApiConfigSource_ApiType {
	if p == DeltaADS || p == Delta {
		return corev3.ApiConfigSource_DELTA_GRPC
	}
	return corev3.ApiConfigSource_GRPC
}

// api is how the server is asked, over one stream or over many.
func (p Protocol) api() *corev3.ApiConfigSource {
	return &corev3.ApiConfigSource{
		ApiType:             p.apiType(),
		TransportApiVersion: corev3.ApiVersion_V3,
		GrpcServices: []*corev3.GrpcService{{
			TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
				EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: ServerCluster},
			},
		}},
		// Envoy's node lists its five hundred extensions, in 60 KiB, which
		// state-of-the-world requests would repeat with each acknowledgement.
		SetNodeOnFirstMessageOnly: true,
	}
}

// source is where this protocol has a resource from.
func (p Protocol) source() *corev3.ConfigSource {
	source := &corev3.ConfigSource{ResourceApiVersion: corev3.ApiVersion_V3}
	if p.aggregated() {
		source.ConfigSourceSpecifier = &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}
	} else {
		source.ConfigSourceSpecifier = &corev3.ConfigSource_ApiConfigSource{ApiConfigSource: p.api()}
	}
	return source
}

// required is source for what Envoy cannot serve without. By default Envoy waits
// 15 seconds for it, then starts with nothing and reports itself ready, and a load
// balancer sends it traffic that it refuses. With a timeout of 0 it waits as long
// as the server takes. A runtime layer is no such thing: Envoy has defaults for it.
func (p Protocol) required() *corev3.ConfigSource {
	source := p.source()
	source.InitialFetchTimeout = durationpb.New(0)
	return source
}

// dynamicResources has an ads_config in every protocol, for single streams too, so
// that resources whose own sources say "ads: {}" work in all of them.
func dynamicResources(p Protocol) *bootstrapv3.Bootstrap_DynamicResources {
	return &bootstrapv3.Bootstrap_DynamicResources{
		LdsConfig: p.required(),
		CdsConfig: p.required(),
		AdsConfig: p.api(),
	}
}
