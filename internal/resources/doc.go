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
// Refused is what can be told from the files alone, all of it at once ([Errors]):
//
//   - text that is no YAML or JSON, unknown fields and types, values of the wrong kind
//   - violated constraints of the messages, inside of an Any too
//   - messages that nest deeper than Envoy's parser goes
//   - two resources of one name, and the cluster that leads to this server
//   - references to what no file defines, for which an Envoy would wait without end,
//     and configuration sources by which it can't ask this server
//
// A finding names the file, the line, the resource and the path of the field. A
// doubtful reference is let pass: a false alarm would keep a good configuration out.
//
// Some things only Envoy can tell, and says in a NACK: whether a certificate fits its
// key, a regular expression compiles, two filter chains match alike, a port is free, or
// an extension that is known here is built into it.
//
// # What Envoy takes and this package does not
//
// Where a file most likely means something else than Envoy makes of it, it is refused:
//
//   - a key that stands twice in a mapping, of which Envoy takes one
//   - a merge key ("<<"), which Envoy reads as a field of that name, which only a
//     mapping without fixed fields can have
//   - a second document with something in it, which Envoy passes over
//
// The other way round, "!!str 12" is taken for the text that it says, whereas Envoy
// sees a number. Envoy's parser also lets pass some text that is no YAML: UTF-16,
// control characters in comments, unknown directives, quotes that nothing closes.
//
// A file whose name ends in .json is JSON as RFC 8259 has it. Envoy's parser also takes
// a comma at the end of a list there, single quotes, and keys without quotes; named
// .yaml, a file may have those here too.
//
// # What is never said
//
// A resource can be a private key, and a mistake can put a key anywhere: into a
// number, a field's name, an indentation too far to the left. So no finding holds
// a value, and no decoder's message is passed through, since those quote what
// they read. What is quoted at all, such as a resource's name, goes through
// the rules of shown.go.
package resources
