package taskiter

// Field is one thing that not every kernel has. A set of them is the sum.
type Field uint32

// The fields of a Task that may be missing, as tasks.bpf.c numbers them. All others are in
// every kernel that New takes.
const (
	FieldState Field = 1 << iota
	FieldRSS
	FieldExecID
	FieldExe // device, inode and links
	FieldExeName
	FieldTTY
	FieldMountNS
	FieldNetNS
	FieldPIDNS
	FieldCgroup
	FieldCgroups
	FieldThreadsEnded // RunTime lacks it too
	FieldChildrenTime
)

// The bits of Task.ExitState and of Task.Flags that tell what kind of task it is
// (include/linux/sched.h).
const (
	ExitDead   = 0x10
	ExitZombie = 0x20

	FlagExiting      = 0x00000004 // PF_EXITING
	FlagKernelThread = 0x00200000 // PF_KTHREAD
)

// Task is one process (thread group) as the kernel lists it. What a process does not have
// is 0: the executable and RSS of a kernel thread, and of a process whose first thread has
// ended (also if others live), the namespaces of a zombie. Numbers of processes are those
// of the reader's pid namespace, and 0 for a process that cannot be seen in it.
type Task struct {
	PID, PPID int32
	Flags     uint32 // PF_* of include/linux/sched.h
	Threads   int32  // that have not ended, zombies included
	StartTime uint64 // ns since boot, suspended time included

	// RunTime is what its threads, the ended ones too, have run, in ns. It may lag behind for
	// what a thread did since the last tick, and for one pass be less than before: by what a
	// thread used that ended during the pass. So keep the highest.
	RunTime uint64
	// ThreadsEnded is the part of RunTime that belongs to threads that have ended.
	ThreadsEnded uint64
	// ChildrenTime is what its children used that have ended and that it has waited for, in
	// ns, user and system time, as far as the kernel's ticks tell.
	ChildrenTime uint64

	Policy    uint32 // SCHED_* of sched(7)
	Nice      int32  // -20 to 19
	UID       uint32 // effective, in the initial user namespace
	TTY       int32  // field 7 of proc_pid_stat(5)
	Session   int32  // field 6 of proc_pid_stat(5)
	ExitState uint32 // ExitZombie, ExitDead, or 0 while its first thread lives
	State     uint32 // TASK_* of include/linux/sched.h, 0 is running
	RSS       uint64 // bytes; lags behind by up to some dozen pages for each CPU (since 6.2)
	ExecID    uint64 // grows with every execve, and is inherited by children

	// The executable. The device is as st_dev of stat(2), but may be another on file systems
	// that give each file a device of their choice (btrfs, overlay).
	ExeDevice, ExeInode uint64
	ExeLinks            uint32 // 0: the file is deleted
	ExeName             uint32 // a hash of name and directory: changes when the file is renamed or moved

	MountNS, NetNS, PIDNS uint32 // inode numbers, as /proc/PID/ns shows them
	Cgroup                uint64 // inode number of its directory in the unified hierarchy
	Cgroups               uint64 // opaque: changes when it moves in any hierarchy

	Comm [16]byte // of its first thread: any bytes, zeroes behind its end

	Missing Field // what this kernel does not have
}

// decode makes the task of a record. RunTime is that of the first thread.
func (t *Task) decode(r *tasksProcess, pageSize uint64) {
	*t = Task{
		PID: r.Head.Pid, PPID: r.Ppid, Flags: r.Flags, Threads: r.Threads,
		StartTime: r.StartTime, RunTime: r.Head.RunTime, ThreadsEnded: r.Head.ThreadsEnded, ChildrenTime: r.ChildrenTime,
		Policy: r.Policy, Nice: r.Nice, UID: r.Uid, TTY: int32(r.Tty), Session: r.Session,
		ExitState: r.ExitState, State: r.State, RSS: r.RssPages * pageSize, ExecID: r.ExecId,
		ExeDevice: uint64(r.ExeDevice), ExeInode: r.ExeInode, ExeLinks: r.ExeLinks, ExeName: r.ExeName,
		MountNS: r.MountNs, NetNS: r.NetNs, PIDNS: r.PidNs, Cgroup: r.Cgroup, Cgroups: r.Cgroups,
		Comm: r.Comm, Missing: Field(r.Missing),
	}
}
