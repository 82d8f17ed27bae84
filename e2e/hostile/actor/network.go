package main

import (
	"net"
	"os"
	"strconv"
)

// listen opens a port at ACTOR_ADDRESS and answers nobody.
func listen(port int, _ []string) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("ACTOR_ADDRESS"), strconv.Itoa(port)))
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	return nil
}
