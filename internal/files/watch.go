package files

import (
	"path/filepath"
	"slices"

	"github.com/fsnotify/fsnotify"
)

// A watch wraps fsnotify's watcher, which may be missing: polling goes on then.
type watch struct {
	watcher *fsnotify.Watcher
	dirs    []string
	wake    chan struct{}
	done    chan struct{}
}

func (f *Follower) watch() *watch {
	w := &watch{dirs: f.watched(), wake: make(chan struct{}, 1), done: make(chan struct{})}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		f.cfg.Logger.Warn("watching for file changes is not possible, polling instead", "error", err, "poll", f.cfg.Poll)
		close(w.done)
		return w
	}
	w.watcher = watcher
	w.renew()
	go w.drain()
	return w
}

// renew watches each folder again: one that was removed and made anew has lost
// its watch. Adding one that is watched is harmless, and one that can't be
// watched is polled.
func (w *watch) renew() {
	if w.watcher == nil {
		return
	}
	for _, dir := range w.dirs {
		_ = w.watcher.Add(dir)
	}
}

// drain turns any number of notifications into at most one pending wake.
func (w *watch) drain() {
	defer close(w.done)
	for {
		select {
		case _, ok := <-w.watcher.Events:
			if !ok {
				return
			}
		case _, ok := <-w.watcher.Errors:
			if !ok {
				return
			}
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *watch) events() <-chan struct{} { return w.wake }

func (w *watch) close() {
	if w.watcher != nil {
		_ = w.watcher.Close()
	}
	<-w.done
}

// watched returns the folders whose entries matter. A watch on a file itself
// would die with the rename that replaces it.
func (f *Follower) watched() []string {
	dirs := slices.Clone(f.cfg.Dirs)
	for _, file := range f.cfg.Files {
		dirs = append(dirs, filepath.Dir(file))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
