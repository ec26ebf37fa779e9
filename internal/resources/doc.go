// Package resources reads a folder of xDS resources, validates it, and publishes
// it as an immutable [Snapshot].
//
// # What is read
//
// The files are those of Envoy's own file-based configuration: a
// DiscoveryResponse in YAML or JSON, whose resources carry an @type. [Read] takes
// the folder as it stands, which is what a pipeline wants; [Folder] follows it
// and goes on serving the last good state when a change is broken.
//
// # What is refused
//
// Everything that Envoy would refuse, or would wait for without end, is refused
// here with all its findings at once ([Errors]): broken YAML, unknown fields and
// types, values of the wrong kind, violated constraints of the messages, two
// resources of one name, and references to what no file defines. A finding names
// the file, the line, the resource and the path of the field. A doubtful
// reference is let pass: a false alarm would keep a good configuration out.
//
// # What is never said
//
// A resource can be a private key, and a mistake can put a key anywhere: into a
// number, a field's name, an indentation too far to the left. So no finding holds
// a value, and no decoder's message is passed through, since those quote what
// they read. What is quoted at all, such as a resource's name, goes through
// the rules of shown.go.
package resources
