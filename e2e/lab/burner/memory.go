package main

import (
	"fmt"
	"os"
	"syscall"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

const (
	datasetBytes    = 2080 << 20 // 2,181,038,080
	cacheBytes      = 256 << 20
	scratchpadBytes = 2 << 20
	largeBytes      = 2000 << 20
)

// takeMemory maps what RandomX would map.
func takeMemory(shape task.Memory, threads int) error {
	readWrite := syscall.PROT_READ | syscall.PROT_WRITE
	all := readWrite | syscall.PROT_EXEC
	switch shape {
	case task.Fast:
		return reserve(datasetBytes, readWrite)
	case task.FastExec:
		return reserve(datasetBytes, all)
	case task.Large:
		return reserve(largeBytes, readWrite)
	case task.Light:
		if err := reserve(cacheBytes, all); err != nil {
			return err
		}
		for range max(threads, 1) {
			if err := reserve(scratchpadBytes, readWrite); err != nil {
				return err
			}
		}
	}
	return nil
}

// mapLibrary maps a file as the dynamic loader maps the code of a library. Nothing of it
// runs.
func mapLibrary(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = syscall.Mmap(int(file.Fd()), 0, os.Getpagesize(), syscall.PROT_READ|syscall.PROT_EXEC, syscall.MAP_PRIVATE)
	return err
}

// reserve makes one mapping with a page without access on either side: the
// kernel would merge it with a neighbour of the same kind. Of its pages one in
// 2 MiB is used, which costs 4 MiB for the largest.
func reserve(size, protection int) error {
	page := os.Getpagesize()
	whole, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("map %d bytes: %w", size, err)
	}
	inner := whole[page : page+size]
	// Huge pages would turn each touch into 2 MiB.
	if err := syscall.Madvise(inner, syscall.MADV_NOHUGEPAGE); err != nil {
		return fmt.Errorf("madvise: %w", err)
	}
	if err := syscall.Mprotect(inner, protection); err != nil {
		return fmt.Errorf("mprotect: %w", err)
	}
	for at := 0; at < size; at += 2 << 20 {
		inner[at] = 1
	}
	return nil
}
