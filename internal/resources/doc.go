// Package resources reads a folder of xDS resources, validates it, and publishes
// what each group of Envoys gets as an immutable [Snapshot].
//
// # What is read
//
// The files are those of Envoy's own file-based configuration: a
// DiscoveryResponse in YAML or JSON, whose resources carry an @type. [Read] takes
// the folder as it stands, which is what a pipeline wants; [Folder] follows it
// and goes on serving the last good state when a change is broken.
//
// A folder is read as it stood at one moment, with all its sub-folders that mean
// something, also where Kubernetes swaps the ..data link of a volume under it:
//
//	*.yaml, *.yml, *.json             for all Envoys
//	secrets/NAME/                     the secret NAME for all Envoys
//	groups/GROUP/*.yaml, …            for the Envoys of the group
//	groups/GROUP/secrets/NAME/        the secret NAME for them
//
// Each of these folders may be a symbolic link or a mount, and may come, go and be
// replaced at any time. Other sub-folders are not entered, and refused when files of
// resources are in them.
//
// # Groups
//
// A group is the Envoys of one node.cluster, and the name of its folder is that name,
// byte by byte. They get what stands at the top and what stands in their folder; there
// is no precedence, so that a name that both define is refused. An Envoy whose
// node.cluster has no folder gets what stands at the top.
//
// What a group refers to must be there for it: in its folder or at the top. What
// stands at the top must not refer to what only a group has, since the others get the
// one and not the other.
//
// Hidden folders are no groups. A name is refused that is not UTF-8, as every text of
// xDS is, or longer than 200 bytes, since an error could not name it. A node.cluster
// with a slash can't have a folder. An empty folder of a group is fine; a file directly
// in groups/ is refused, since nobody would get it.
//
// # Secrets by folder
//
// A folder of a secret holds the files of a Secret of Kubernetes of the type
// kubernetes.io/tls, and such a Secret may be mounted there as it is:
//
//   - tls.crt and tls.key are a certificate with its chain and its private key
//   - ca.crt alone is a validation context
//   - ca.crt beside the two, where cert-manager puts it, is a validation context of
//     the name NAME-ca, since a Secret of Envoy is the one or the other; an empty one,
//     as of an ACME issuer, is none
//
// Other files in it are passed over, such as key stores, but not files of resources. A
// folder with none of the three is refused: more often it is a mount that is not there.
//
// The pair is held to what the channel's own pair is held to: PEM that decodes to the
// last block, a key that is the first certificate's, not encrypted, and of a kind and
// strength that Envoy takes. So is a bundle, which must not hold a key besides, since
// Envoy shows a validation context to whoever may read its configuration. For the same
// reason, nothing of tls.crt is served but its certificates.
//
// Not so for time: a certificate that has expired, or is not valid yet, is served with
// a warning ([Snapshots.Warnings]). The channel's own would keep every Envoy out, and so
// ends the start. One certificate of many concerns those who use it, and a restart
// must not take the configuration of all the others with it; Envoy takes it, too.
// Served with a warning are also a chain out of order, and in a bundle a CA that has
// expired or a certificate that is no CA.
//
// # Which secrets an Envoy gets
//
// Those that the resources of its group refer to ([Resource.Secrets], [Snapshot.Secrets]),
// and others only if an access policy grants them by name. A mapper of certificates that
// takes names from connections is served with a warning, since no file has these names.
//
// # What a reading costs
//
// [Folder] does anew what a change asks for. It looks at the stamp of each file, parses
// the files whose content has changed, and checks and assembles the groups that these
// belong to, in passes that take well below a microsecond a resource. What a
// resource is served as is encoded and hashed once, and shared by all groups and states
// in which it is the same. BenchmarkReload says what part of a first reading is left.
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
//   - secrets by folder that are no pair, or no bundle
//
// A finding names the file, the line, the resource and the path of the field. A
// doubtful reference is let pass: a false alarm would keep a good configuration out.
//
// Some things only Envoy can tell, and says in a NACK: whether a certificate in a file
// of resources fits its key, a regular expression compiles, two filter chains match alike, a port is free, or
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
