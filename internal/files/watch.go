package files

import (
	"path/filepath"
	"slices"

	"github.com/fsnotify/fsnotify"
)

// A watch wraps fsnotify's watcher, which may be missing: polling goes on then.
type watch struct {
	watcher *fsnotify.Watcher
	// inodes are those of the folders that are watched, by path.
	inodes map[string]uint64
	wake   chan struct{}
	done   chan struct{}
}

func (f *Follower) watch() *watch {
	w := &watch{inodes: map[string]uint64{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		f.cfg.Logger.Warn("watching for file changes is not possible, polling instead", "error", err, "poll", f.cfg.Poll)
		close(w.done)
		return w
	}
	w.watcher = watcher
	w.renew(f.folders)
	go w.drain()
	return w
}

// renew watches these folders and no other ones. A watch stays with the folder that it
// was put on: it is given up where another one stands now, or none, and put anew where
// it was lost with a folder that was removed. It is not put again where there is one,
// since the library forgets the one before when the path leads elsewhere meanwhile. A
// folder that can't be watched is polled.
func (w *watch) renew(folders []folder) {
	if w.watcher == nil {
		return
	}
	now := make(map[string]uint64, len(folders))
	for _, f := range folders {
		now[filepath.Clean(f.path)] = f.inode
	}
	for path, inode := range w.inodes {
		if current, ok := now[path]; !ok || current != inode {
			_ = w.watcher.Remove(path) // which fails when the folder is gone, and its watch with it
		}
	}
	watched := w.watcher.WatchList()
	slices.Sort(watched)
	for path := range now {
		if _, ok := slices.BinarySearch(watched, path); !ok {
			_ = w.watcher.Add(path)
		}
	}
	w.inodes = now
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
