// Package files reads, follows and replaces the files that the rest of contour
// is configured by.
//
// It exists because a set of files is more than its members: a certificate and
// its key belong together, and so do the resources of one folder. [Read] and
// [ReadTree] return a set as it stood at one moment, also where Kubernetes swaps
// the ..data symbolic link of a mounted Secret or ConfigMap under them.
// [Follower] says when a set may have changed, and [Live] keeps what a single file
// holds. [WriteAtomic] replaces a file, and [WriteSet] all files of a folder, so that
// no reader ever sees half of it. [Lock] keeps other writers from a folder.
//
// The package knows nothing of what the files hold, and never puts content in an
// error.
package files
