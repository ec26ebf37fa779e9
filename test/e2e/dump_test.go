package e2e

import (
	"fmt"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/contour-xds/contour/test/envoy"
)

func runningIn(e *envoy.Envoy) (*running, error) {
	dump, err := e.ConfigDump()
	if err != nil {
		return nil, err
	}
	r := &running{messages: make(map[string]map[string]proto.Message), endpoints: make(map[string][]string), secrets: make(map[string]bool)}
	for _, section := range dump.GetConfigs() {
		message, err := section.UnmarshalNew()
		if err != nil {
			return nil, err
		}
		if err := r.take(message); err != nil {
			return nil, fmt.Errorf("reading Envoy's dump: %w", err)
		}
	}
	return r, nil
}

func (r *running) take(section proto.Message) error {
	switch m := section.(type) {
	case *adminv3.ClustersConfigDump:
		return r.takeClusters(m)
	case *adminv3.ListenersConfigDump:
		return r.takeListeners(m)
	case *adminv3.RoutesConfigDump:
		return r.takeRoutes(m)
	case *adminv3.EndpointsConfigDump:
		return r.takeEndpoints(m)
	case *adminv3.SecretsConfigDump:
		r.takeSecrets(m)
	}
	return nil
}

func (r *running) takeClusters(m *adminv3.ClustersConfigDump) error {
	for _, c := range m.GetDynamicWarmingClusters() {
		r.unsettle("a cluster warms", c.GetCluster(), c.GetErrorState())
	}
	for _, c := range m.GetDynamicActiveClusters() {
		r.refused("a cluster", c.GetErrorState())
		if err := add[*clusterv3.Cluster](r, resourcev3.ClusterType, c.GetCluster()); err != nil {
			return err
		}
	}
	return nil
}

func (r *running) takeListeners(m *adminv3.ListenersConfigDump) error {
	for _, l := range m.GetDynamicListeners() {
		r.refused("a listener", l.GetErrorState())
		if l.GetWarmingState() != nil {
			r.unsettle("a listener warms", l.GetWarmingState().GetListener(), nil)
		}
		if l.GetActiveState() == nil {
			continue
		}
		if err := add[*listenerv3.Listener](r, resourcev3.ListenerType, l.GetActiveState().GetListener()); err != nil {
			return err
		}
	}
	return nil
}

func (r *running) takeRoutes(m *adminv3.RoutesConfigDump) error {
	for _, c := range m.GetDynamicRouteConfigs() {
		r.refused("a route configuration", c.GetErrorState())
		if c.GetRouteConfig() == nil {
			r.unsettled = append(r.unsettled, "a route configuration is awaited")
			continue
		}
		if err := add[*routev3.RouteConfiguration](r, resourcev3.RouteType, c.GetRouteConfig()); err != nil {
			return err
		}
	}
	return nil
}

func (r *running) takeEndpoints(m *adminv3.EndpointsConfigDump) error {
	for _, c := range m.GetDynamicEndpointConfigs() {
		r.refused("an endpoint set", c.GetErrorState())
		set := new(endpointv3.ClusterLoadAssignment)
		if err := c.GetEndpointConfig().UnmarshalTo(set); err != nil {
			return err
		}
		r.endpoints[set.GetClusterName()] = addresses(set)
	}
	return nil
}

func (r *running) takeSecrets(m *adminv3.SecretsConfigDump) {
	for _, s := range m.GetDynamicWarmingSecrets() {
		r.unsettled = append(r.unsettled, "the secret "+s.GetName()+" is awaited")
	}
	for _, s := range m.GetDynamicActiveSecrets() {
		r.refused("a secret", s.GetErrorState())
		r.secrets[s.GetName()] = true
	}
}

// add takes a message of a dump, whose name is told by its type.
func add[M interface {
	proto.Message
	GetName() string
}](r *running, url string, packed *anypb.Any,
) error {
	message, err := packed.UnmarshalNew()
	if err != nil {
		return err
	}
	named, ok := message.(M)
	if !ok {
		return fmt.Errorf("%T where a %s should be", message, url)
	}
	if r.messages[url] == nil {
		r.messages[url] = make(map[string]proto.Message)
	}
	r.messages[url][named.GetName()] = message
	return nil
}

func (r *running) refused(what string, state *adminv3.UpdateFailureState) {
	if state != nil {
		r.unsettled = append(r.unsettled, what+" was refused: "+state.GetDetails())
	}
}

func (r *running) unsettle(what string, packed *anypb.Any, state *adminv3.UpdateFailureState) {
	name := "?"
	if message, err := packed.UnmarshalNew(); err == nil {
		if named, ok := message.(interface{ GetName() string }); ok {
			name = named.GetName()
		}
	}
	r.unsettled = append(r.unsettled, what+": "+name)
	r.refused(what, state)
}
