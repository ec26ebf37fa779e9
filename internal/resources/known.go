package resources

import (
	"fmt"
	"strings"
	"sync"

	"github.com/cncf/xds/go/udpa/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// knownTypes finds messages by the URL in an @type. It knows those of
// types_gen.go, save what Envoy has dropped.
type knownTypes struct {
	*protoregistry.Types
}

var known = knownTypes{protoregistry.GlobalTypes}

// FindMessageByURL implements protojson's resolver. Other than the registry's own,
// it wants a host before the name, as Envoy does.
func (k knownTypes) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	mt, err := k.Types.FindMessageByURL(url)
	if err != nil || frozen(mt.Descriptor()) || !hasHost(url) {
		return nil, protoregistry.NotFound
	}
	return mt, nil
}

// why says why an @type is not known. The name is printed where it can be nothing
// but a name.
func (k knownTypes) why(url string) string {
	name := url[strings.LastIndexByte(url, '/')+1:]
	if mt, err := k.Types.FindMessageByURL(url); err == nil && frozen(mt.Descriptor()) {
		return fmt.Sprintf("has the type %s of the v2 API, which Envoy no longer reads: use its v3 successor", name)
	}
	if _, err := k.Types.FindMessageByURL(url); err == nil {
		return fmt.Sprintf("has an @type without a host: write %q", urlPrefix+name)
	}
	if !showableType(name) {
		return `has an @type that names no message: it reads like "type.googleapis.com/envoy.config.cluster.v3.Cluster"`
	}
	if near := k.nearest(name); near != "" {
		return fmt.Sprintf("has the unknown type %s: did you mean %q?", name, urlPrefix+near)
	}
	return fmt.Sprintf("has the unknown type %s: this server knows the types of Envoy itself and of cncf/xds, not those of Envoy's contrib extensions", name)
}

// nearest returns the type whose name is a slip of the pen away, or "".
func (k knownTypes) nearest(name string) string {
	best, bestDistance := "", 4
	k.RangeMessages(func(mt protoreflect.MessageType) bool {
		known := string(mt.Descriptor().FullName())
		if longer := len(known) - len(name); longer >= bestDistance || -longer >= bestDistance || frozen(mt.Descriptor()) {
			return true
		}
		if d := distance(known, name); d < bestDistance || d == bestDistance && best != "" && known < best {
			best, bestDistance = known, d
		}
		return true
	})
	return best
}

func hasHost(url string) bool { return strings.LastIndexByte(url, '/') > 0 }

var frozenFiles sync.Map // path of a proto file to bool

// frozen reports whether a message is of a package that is marked as frozen, as
// those of Envoy's v2 API are. Envoy dropped them in 1.18.
func frozen(md protoreflect.MessageDescriptor) bool {
	file := md.ParentFile()
	if cached, ok := frozenFiles.Load(file.Path()); ok {
		return cached.(bool)
	}
	status, _ := proto.GetExtension(file.Options(), annotations.E_FileStatus).(*annotations.StatusAnnotation)
	is := status.GetPackageVersionStatus() == annotations.PackageVersionStatus_FROZEN
	frozenFiles.Store(file.Path(), is)
	return is
}
