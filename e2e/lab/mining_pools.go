package main

import (
	"fmt"
	"net"
)

const (
	listedPool = "127.66.0.1:14444" // in the exporter's configuration
	portPool   = "127.0.0.1:14444"  // a pool by its port alone
	otherPool  = "127.0.0.1:3333"
)

// pools accept connections and keep them open, without a word.
type pools []net.Listener

func openPools() (pools, error) {
	var opened pools
	for _, address := range []string{listedPool, portPool, otherPool} {
		listener, err := net.Listen("tcp4", address)
		if err != nil {
			opened.close()
			return nil, fmt.Errorf("play a pool: %w", err)
		}
		opened = append(opened, listener)
		go hold(listener)
	}
	return opened, nil
}

func hold(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return // closed
		}
		go func() {
			defer func() { _ = connection.Close() }()
			_, _ = connection.Read(make([]byte, 1)) // until the peer ends
		}()
	}
}

func (p pools) close() {
	for _, listener := range p {
		listener.Close()
	}
}
