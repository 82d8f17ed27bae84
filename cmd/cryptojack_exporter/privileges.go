package main

import (
	"fmt"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// dropPrivileges gives up, for good, every capability that this program has and
// does not use (capabilities(7)): root's too. Who takes it over can read
// processes and files then, and change none.
func dropPrivileges() error {
	held := cap.GetProc()
	kept := cap.NewSet()
	for _, needed := range []cap.Value{
		cap.SYS_PTRACE,       // executables, cgroups and sockets of others' processes
		cap.DAC_READ_SEARCH,  // directories and files of others
		cap.NET_ADMIN,        // accounts of hidden processes, by taskstats
		cap.NET_BIND_SERVICE, // to listen on a port below 1024
	} {
		for _, flag := range []cap.Flag{cap.Permitted, cap.Effective} {
			has, err := held.GetFlag(cap.Permitted, needed)
			if err == nil && has {
				err = kept.SetFlag(flag, true, needed)
			}
			if err != nil {
				return fmt.Errorf("choose capabilities to keep: %w", err)
			}
		}
	}
	if err := cap.ResetAmbient(); err != nil {
		return fmt.Errorf("drop ambient capabilities: %w", err)
	}
	if err := kept.SetProc(); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}
