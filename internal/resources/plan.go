package resources

import (
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// planned is a field that [references] looks at.
type planned struct {
	field     protoreflect.FieldDescriptor
	isCluster bool
	role      role
	source    source
}

var plans sync.Map // protoreflect.FullName to []planned

// planOf returns the fields of a message that name clusters or configuration
// sources. It is made once for a type, so that the tables are not searched for
// every message of a large folder.
func planOf(md protoreflect.MessageDescriptor) []planned {
	if cached, ok := plans.Load(md.FullName()); ok {
		return cached.([]planned)
	}
	var plan []planned
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if c, ok := clusterFields[fd.FullName()]; ok && c.role != notReference {
			plan = append(plan, planned{field: fd, isCluster: true, role: c.role})
		}
		if s, ok := sources[fd.FullName()]; ok && s.elsewhere == "" {
			plan = append(plan, planned{field: fd, source: s})
		}
	}
	plans.Store(md.FullName(), plan)
	return plan
}
