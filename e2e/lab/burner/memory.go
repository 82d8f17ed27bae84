package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

const (
	datasetBytes    = 2080 << 20 // 2,181,038,080
	cacheBytes      = 256 << 20
	scratchpadBytes = 2 << 20
	codeBytes       = 96 << 10 // what RandomX compiles for a thread
	largeBytes      = 2000 << 20
	everyPage       = 4 << 10
	fewPages        = scratchpadBytes

	readWrite  = syscall.PROT_READ | syscall.PROT_WRITE
	executable = readWrite | syscall.PROT_EXEC
)

// takeMemory maps what RandomX would map, and what looks like it.
func takeMemory(shape task.Memory, threads int) error {
	blocks := func(count int) int { return count * os.Getpagesize() } // malloc puts a page before each
	var err error
	switch shape {
	case task.Fast:
		err = reserve(datasetBytes, readWrite, everyPage)
	case task.FastExec:
		return reserve(datasetBytes, executable, everyPage)
	case task.Merged:
		err = reserve(datasetBytes+cacheBytes+2*scratchpadBytes+blocks(4), readWrite, everyPage)
	case task.Shared:
		err = share(-1, syscall.MAP_ANON)
	case task.MemoryFile:
		err = shareFile()
	case task.SysV:
		err = shareSysV()
	case task.Split:
		err = split()
	case task.Light:
		err = reserve(cacheBytes, executable, everyPage)
		for range max(threads, 1) {
			if err == nil {
				err = reserve(scratchpadBytes, readWrite, everyPage)
			}
		}
	case task.LightMerged:
		err = reserve(cacheBytes+2*scratchpadBytes+blocks(3), readWrite, everyPage)
	case task.Large:
		return reserve(largeBytes, readWrite, fewPages)
	case task.Reserve:
		err = reserve(datasetBytes, syscall.PROT_NONE, 0)
	case task.Untouched:
		err = reserve(datasetBytes, readWrite, fewPages)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	return reserve(codeBytes, executable, everyPage)
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

// reserve makes one private mapping and uses a byte in so many, or none.
func reserve(size, protection, every int) error {
	_, err := room(size, protection, every)
	return err
}

// room makes one mapping with a page without access on either side: the kernel
// would merge it with a neighbour of the same kind.
func room(size, protection, every int) ([]byte, error) {
	page := os.Getpagesize()
	whole, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", size, err)
	}
	inner := whole[page : page+size]
	// Huge pages would use 2 MiB for each touch.
	if err := syscall.Madvise(inner, syscall.MADV_NOHUGEPAGE); err != nil {
		return nil, fmt.Errorf("madvise: %w", err)
	}
	if err := syscall.Mprotect(inner, protection); err != nil {
		return nil, fmt.Errorf("mprotect: %w", err)
	}
	touch(inner, every)
	return inner, nil
}

func touch(memory []byte, every int) {
	for at := 0; every > 0 && at < len(memory); at += every {
		memory[at] = 1
	}
}

// split changes the permissions of one page within the dataset, which becomes three mappings.
func split() error {
	dataset, err := room(datasetBytes, readWrite, everyPage)
	if err != nil {
		return err
	}
	page := os.Getpagesize()
	return syscall.Mprotect(dataset[1<<30:1<<30+page], syscall.PROT_READ)
}

func share(file, flags int) error {
	memory, err := syscall.Mmap(file, 0, datasetBytes, readWrite, syscall.MAP_SHARED|syscall.MAP_NORESERVE|flags)
	if err != nil {
		return fmt.Errorf("map shared memory: %w", err)
	}
	touch(memory, everyPage)
	return nil
}

func shareFile() error {
	descriptor, err := memfdCreate("data")
	if err != nil {
		return err
	}
	if err := syscall.Ftruncate(int(descriptor), datasetBytes); err != nil {
		return err
	}
	return share(int(descriptor), 0)
}

// shareSysV takes memory by shmget(2), which is gone with this process.
func shareSysV() error {
	const (
		private = 0       // IPC_PRIVATE
		create  = 0o1000  // IPC_CREAT
		lazily  = 0o10000 // SHM_NORESERVE
		remove  = 0       // IPC_RMID
	)
	id, _, code := syscall.Syscall(syscall.SYS_SHMGET, private, datasetBytes, create|lazily|0o600)
	if code != 0 {
		return fmt.Errorf("shmget: %w", code)
	}
	address, _, attached := syscall.Syscall(syscall.SYS_SHMAT, id, 0, 0)
	if _, _, code := syscall.Syscall(syscall.SYS_SHMCTL, id, remove, 0); code != 0 {
		return fmt.Errorf("shmctl: %w", code)
	}
	if attached != 0 {
		return fmt.Errorf("shmat: %w", attached)
	}
	touch(unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), datasetBytes), everyPage)
	return nil
}
