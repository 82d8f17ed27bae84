package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mappings makes so many areas of memory: every other page of one may not be read.
func mappings(number int, _ []string) error {
	page := os.Getpagesize()
	area, err := unix.Mmap(-1, 0, (number+1)*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	for i := 1; i < number; i += 2 {
		if err := unix.Mprotect(area[i*page:(i+1)*page], unix.PROT_NONE); err != nil {
			return fmt.Errorf("area %d: %w", i, err)
		}
	}
	return nil
}

// arguments puts a file where this process' arguments lie, which the kernel reads for whoever
// asks for them.
func arguments(_ int, names []string) error {
	file, err := os.Open(names[0])
	if err != nil {
		return err
	}
	page := uintptr(os.Getpagesize())
	place := unsafe.Pointer(uintptr(unsafe.Pointer(unsafe.StringData(os.Args[0]))) &^ (page - 1))
	ready() // from now on nothing may read what was in that page
	_, err = unix.MmapPtr(int(file.Fd()), 0, place, page, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_FIXED)
	if err == nil {
		nap()
	}
	return err
}

// descriptors opens one file so many times.
func descriptors(number int, _ []string) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(number + 64), Max: uint64(number + 64)}); err != nil {
		return err
	}
	for range number {
		if _, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0); err != nil {
			return err
		}
	}
	return nil
}
