package handshake

import (
	"errors"
	"net"
	"syscall"
)

// Listener returns inner with its connections registered at the door from the
// moment they are accepted, so that its limits hold for them before anything is
// spent on them. While all that is pending waits for this server's CPU, the
// listener accepts nobody: the next ones wait in the kernel's queue, and none of
// them is lost.
//
// Closing it closes inner, and the connections that are still in their handshake:
// a server that drains would wait for each of them, and a stranger can hold them
// up. A door has one listener.
func (d *Door) Listener(inner net.Listener) net.Listener {
	return &listener{Listener: inner, door: d}
}

type listener struct {
	net.Listener
	door *Door
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		switch {
		case outOfDescriptors(err) && l.door.register.makeRoom():
			continue
		case err != nil:
			return nil, err
		}
		c := l.door.newConn(raw)
		if err := l.door.register.enter(c); err != nil {
			l.door.refuse(c, err)
			_ = raw.Close()
			continue
		}
		return c, nil
	}
}

// outOfDescriptors tells whether the process or the machine can open no more
// files. That is a limit like ours, only that it takes health and metrics down
// with it.
func outOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// Cut closes the connections that are through their handshake, whatever they do. A
// server that has drained long enough calls it: gRPC alone waits for one that never
// sends its first frame.
func (l *listener) Cut() { l.door.register.cut() }

// Close implements [net.Listener].
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.door.register.close()
	return err
}
