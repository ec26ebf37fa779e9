package resources

// check validates the messages of all resources, and then, if it is complete what
// the files define, what they refer to.
func check(all []*resource, complete bool, external []string) Errors {
	g := references{free: map[*resource]freedom{}}
	var errs Errors
	for _, r := range all {
		if errs.full() || g.found.full() {
			return append(errs, g.found...)
		}
		if r.id() == serverCluster {
			errs = append(errs, r.findingAt(r.node.line, "", "is the cluster by which an Envoy reaches this server and comes from its start configuration, which stays in force: give this one another name"))
		}
		if r.message == nil {
			continue
		}
		w := walk{resource: r, each: func(v *visited) { g.gather(r, v) }}
		w.whole(r.message, nil, nil)
		errs = append(errs, w.found...)
	}
	errs = append(errs, g.found...)
	if complete {
		errs = append(errs, g.check(defined(all, external))...)
	}
	return errs
}

var serverCluster = identity{urlPrefix + string(clusterType), ServerCluster}

// defined returns what may be referred to.
func defined(all []*resource, external []string) map[identity]bool {
	names := make(map[identity]bool, len(all)+len(external)+1)
	for _, r := range all {
		names[r.id()] = true
	}
	for _, name := range append([]string{ServerCluster}, external...) {
		names[identity{urlPrefix + string(clusterType), name}] = true
	}
	return names
}
