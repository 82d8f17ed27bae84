//go:build ignore

// Writes one record for each task that the kernel lists: a long one for the leader of a
// thread group, which stands for the process, and a short one for each other thread.
// See the kernel's Documentation/bpf/bpf_iterators.rst.

#include "kernel.h"

#define SEC(name) __attribute__((section(name), used))
#define INLINE static __attribute__((always_inline)) inline
#define TYPE_OF(type) ((type *)0)
// Whether the running kernel has a field (BPF_FIELD_EXISTS).
#define HAS(type, field) __builtin_preserve_field_info(TYPE_OF(type)->field, 2)

// The helpers that are called are for programs under the GPL only.
char LICENSE[] SEC("license") = "GPL";

// The numbers are those of include/uapi/linux/bpf.h.
static long (*const get_current_task)(void) = (void *)35;
static long (*const probe_read_kernel)(void *to, __u32 size, const void *from) = (void *)113;
static long (*const probe_read_kernel_str)(void *to, __u32 size, const void *from) = (void *)115;
static long (*const seq_write)(struct seq_file *to, const void *data, __u32 size) = (void *)127;

enum {
	PF_KTHREAD = 0x00200000, // include/linux/sched.h
	DEFAULT_PRIO = 120,      // include/linux/sched/prio.h: the nice value is 0
	MINORBITS = 20,          // include/linux/kdev_t.h
};

enum { PIDTYPE_TGID = 1, PIDTYPE_SID = 3 };                    // enum pid_type
enum { MM_FILEPAGES = 0, MM_ANONPAGES = 1, MM_SHMEMPAGES = 3 }; // of mm_struct's rss_stat

// What a record says, and what is missing: the reader has the same numbers.
enum { PROCESS = 1, THREAD = 2 };
enum {
	MISSING_STATE = 1 << 0,
	MISSING_RSS = 1 << 1,
	MISSING_EXEC_ID = 1 << 2,
	MISSING_EXE = 1 << 3,
	MISSING_EXE_NAME = 1 << 4,
	MISSING_TTY = 1 << 5,
	MISSING_MOUNT_NS = 1 << 6,
	MISSING_NET_NS = 1 << 7,
	MISSING_PID_NS = 1 << 8,
	MISSING_CGROUP = 1 << 9,
	MISSING_CGROUPS = 1 << 10,
	MISSING_THREADS_ENDED = 1 << 11,
	MISSING_CHILDREN_TIME = 1 << 12,
};

// The head of each record.
struct head {
	__u16 kind;
	__u16 size; // of the whole record, in bytes
	__s32 pid;  // of the process, also in a thread's record
	__u64 run_time;
	__u64 threads_ended;
};

struct process {
	struct head head;
	__u64 start_time;
	__u64 children_time;
	__u64 rss_pages;
	__u64 exec_id;
	__u64 exe_inode;
	__u64 cgroup;
	__u64 cgroups;
	__s32 ppid;
	__u32 flags;
	__s32 threads;
	__u32 policy;
	__s32 nice;
	__u32 uid;
	__u32 tty;
	__s32 session;
	__u32 exit_state;
	__u32 state;
	__u32 exe_device;
	__u32 exe_links;
	__u32 exe_name;
	__u32 mount_ns;
	__u32 net_ns;
	__u32 pid_ns;
	__u32 missing;
	__u8 comm[16];
	__u32 padding;
};

// The pid namespace of the reader, whose numbers the records hold. All passes of an
// iterator are of one program.
__u32 reader_level;
__u64 reader_namespace;

INLINE struct upid number_at(const struct pid *pid, __u32 level)
{
	struct upid found = {};

	// The layout of struct upid is the same in all versions.
	probe_read_kernel(&found, sizeof(found), &pid->numbers[0] + level);
	return found;
}

INLINE void find_reader(void)
{
	const struct task_struct *reader = (const void *)get_current_task();
	const struct pid *pid = (void *)0;

	probe_read_kernel(&pid, sizeof(pid), &reader->thread_pid);
	probe_read_kernel(&reader_level, sizeof(reader_level), &pid->level);
	reader_namespace = (__u64)number_at(pid, reader_level).ns;
}

// The number of a process, group or session for the reader, or 0 if it is out of its
// sight, as pid_nr_ns() in kernel/pid.c has it.
INLINE __s32 number(const struct pid *pid)
{
	struct upid found;
	__s32 nr = 0;

	if (!pid)
		return 0;
	if (reader_level == 0) {
		nr = pid->numbers[0].nr;
	} else if (pid->level >= reader_level) {
		found = number_at(pid, reader_level);
		if ((__u64)found.ns == reader_namespace)
			nr = found.nr;
		// The verifier refuses one load for both branches, into which clang would join them.
		__asm__ volatile("" : "+r"(nr));
	}
	return nr;
}

// As new_encode_dev() in include/linux/kdev_t.h, which is what stat(2) and
// /proc/PID/stat show.
INLINE __u32 encode_device(__u32 major, __u32 minor)
{
	return (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);
}

INLINE void read_terminal(struct process *r, const struct signal_struct *signal)
{
	const struct tty_struct *tty;
	const struct tty_driver *driver;

	if (!HAS(struct signal_struct, tty) || !HAS(struct tty_struct, driver) ||
	    !HAS(struct tty_driver, minor_start)) {
		r->missing |= MISSING_TTY;
		return;
	}
	tty = signal->tty;
	if (!tty)
		return;
	driver = tty->driver;
	if (driver)
		r->tty = encode_device(driver->major, driver->minor_start + tty->index);
}

INLINE void read_signal(struct process *r, const struct signal_struct *signal)
{
	if (!signal)
		return;
	r->threads = signal->nr_threads;
	r->session = number(signal->pids[PIDTYPE_SID]);
	if (HAS(struct signal_struct, cutime))
		r->children_time = signal->cutime + signal->cstime;
	else
		r->missing |= MISSING_CHILDREN_TIME;
	read_terminal(r, signal);
}

INLINE void read_rss(struct process *r, const struct mm_struct *mm)
{
	const struct mm_struct___before_6_2 *old = (const void *)mm;
	__s64 file, anonymous, shared, pages[4] = {};

	if (HAS(struct mm_struct, rss_stat[0].count)) {
		file = mm->rss_stat[MM_FILEPAGES].count;
		anonymous = mm->rss_stat[MM_ANONPAGES].count;
		shared = mm->rss_stat[MM_SHMEMPAGES].count;
	} else if (HAS(struct mm_struct___before_6_2, rss_stat.count)) {
		// The verifier of these kernels does not look into an array of atomic_long_t.
		probe_read_kernel(pages, sizeof(pages), &old->rss_stat.count);
		file = pages[MM_FILEPAGES];
		anonymous = pages[MM_ANONPAGES];
		shared = pages[MM_SHMEMPAGES];
	} else {
		r->missing |= MISSING_RSS;
		return;
	}
	// Each lags behind what its CPUs have not added yet, and may be below zero.
	if (file > 0)
		r->rss_pages += file;
	if (anonymous > 0)
		r->rss_pages += anonymous;
	if (shared > 0)
		r->rss_pages += shared;
}

INLINE void read_executable(struct process *r, const struct mm_struct *mm)
{
	const struct file *exe;
	const struct inode *inode;
	const struct super_block *super;
	const struct dentry *dentry;

	if (!HAS(struct mm_struct, exe_file)) {
		r->missing |= MISSING_EXE | MISSING_EXE_NAME;
		return;
	}
	exe = mm->exe_file;
	if (!exe)
		return;
	inode = exe->f_inode;
	if (inode) {
		r->exe_inode = inode->i_ino;
		r->exe_links = inode->i_nlink;
		super = inode->i_sb;
		if (super)
			r->exe_device = encode_device(super->s_dev >> MINORBITS, super->s_dev & ((1U << MINORBITS) - 1));
	}
	if (!HAS(struct dentry, d_name.hash)) {
		r->missing |= MISSING_EXE_NAME;
		return;
	}
	dentry = exe->f_path.dentry;
	if (dentry)
		r->exe_name = dentry->d_name.hash;
}

INLINE void read_namespaces(struct process *r, const struct task_struct *task)
{
	const struct nsproxy *namespaces = task->nsproxy;
	const struct mnt_namespace *mounts;
	const struct net *net;
	const struct pid *pid;
	const struct pid_namespace *pids;

	if (!HAS(struct mnt_namespace, ns.inum))
		r->missing |= MISSING_MOUNT_NS;
	else if (namespaces && (mounts = namespaces->mnt_ns))
		r->mount_ns = mounts->ns.inum;

	if (!HAS(struct net, ns.inum))
		r->missing |= MISSING_NET_NS;
	else if (namespaces && (net = namespaces->net_ns))
		r->net_ns = net->ns.inum;

	// Which one a process is in, its pid knows: that of nsproxy is its children's.
	if (!HAS(struct pid_namespace, ns.inum)) {
		r->missing |= MISSING_PID_NS;
		return;
	}
	pid = task->thread_pid;
	if (!pid)
		return;
	if (pid->level == 0) {
		pids = pid->numbers[0].ns;
		if (pids)
			r->pid_ns = pids->ns.inum;
		return;
	}
	pids = number_at(pid, pid->level).ns;
	probe_read_kernel(&r->pid_ns, sizeof(r->pid_ns), &pids->ns.inum);
}

INLINE void read_cgroup(struct process *r, const struct task_struct *task)
{
	const struct css_set *set;
	const struct cgroup *cgroup;
	const struct kernfs_node *node;
	__u64 address = 0;

	if (!HAS(struct task_struct, cgroups)) {
		r->missing |= MISSING_CGROUP | MISSING_CGROUPS;
		return;
	}
	set = task->cgroups;
	if (!set)
		return;
	// Enough of the address to tell one set from another, and not where it lies.
	probe_read_kernel(&address, sizeof(address), &task->cgroups);
	r->cgroups = (__u32)(address >> 6);
	if (!HAS(struct css_set, dfl_cgrp) || !HAS(struct kernfs_node, id)) {
		r->missing |= MISSING_CGROUP;
		return;
	}
	cgroup = set->dfl_cgrp;
	if (!cgroup)
		return;
	node = cgroup->kn;
	if (node)
		r->cgroup = node->id;
}

INLINE void read_head(struct head *h, const struct task_struct *task)
{
	const struct signal_struct *signal = task->signal;

	// In this order: a thread that ends in between must not count twice.
	if (signal && HAS(struct signal_struct, sum_sched_runtime))
		h->threads_ended = signal->sum_sched_runtime;
	h->run_time = task->se.sum_exec_runtime;
}

INLINE int write_thread(struct seq_file *seq, const struct task_struct *task)
{
	struct head h = { .kind = THREAD, .size = sizeof(h) };
	const struct signal_struct *signal = task->signal;

	h.pid = task->tgid;
	if (reader_level != 0)
		h.pid = signal ? number(signal->pids[PIDTYPE_TGID]) : 0;
	if (h.pid == 0)
		return 0;
	read_head(&h, task);
	seq_write(seq, &h, sizeof(h));
	return 0;
}

INLINE int write_process(struct seq_file *seq, const struct task_struct *task)
{
	const struct task_struct___before_5_14 *old = (const void *)task;
	struct process r = { .head = { .kind = PROCESS, .size = sizeof(r) } };
	const struct signal_struct *signal = task->signal;
	const struct task_struct *parent = task->real_parent;
	const struct cred *cred = task->real_cred;
	const struct mm_struct *mm = task->mm;

	r.head.pid = number(task->thread_pid);
	if (r.head.pid == 0)
		return 0; // it has just ended
	read_head(&r.head, task);
	if (!HAS(struct signal_struct, sum_sched_runtime))
		r.missing |= MISSING_THREADS_ENDED;

	if (parent) {
		if (reader_level == 0) {
			r.ppid = parent->tgid;
		} else {
			const struct signal_struct *of_parent = parent->signal;

			if (of_parent)
				r.ppid = number(of_parent->pids[PIDTYPE_TGID]);
		}
	}
	r.flags = task->flags;
	r.start_time = task->start_boottime;
	r.policy = task->policy;
	r.nice = task->static_prio - DEFAULT_PRIO;
	r.exit_state = task->exit_state;
	if (cred)
		r.uid = cred->euid.val;
	if (HAS(struct task_struct, __state))
		r.state = task->__state;
	else if (HAS(struct task_struct___before_5_14, state))
		r.state = old->state;
	else
		r.missing |= MISSING_STATE;
	if (HAS(struct task_struct, self_exec_id))
		r.exec_id = task->self_exec_id;
	else
		r.missing |= MISSING_EXEC_ID;
	// Old kernels leave bytes of an earlier name behind its end.
	probe_read_kernel_str(r.comm, sizeof(r.comm), task->comm);

	read_signal(&r, signal);
	read_namespaces(&r, task);
	read_cgroup(&r, task);
	// A kernel thread may borrow the memory of a process.
	if (mm && !(r.flags & PF_KTHREAD)) {
		read_rss(&r, mm);
		read_executable(&r, mm);
	}
	seq_write(seq, &r, sizeof(r));
	return 0;
}

SEC("iter/task")
int list_tasks(struct bpf_iter__task *ctx)
{
	const struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;

	if (!task)
		return 0; // the end
	if (ctx->meta->seq_num == 0)
		find_reader();
	return task->pid == task->tgid ? write_process(seq, task) : write_thread(seq, task);
}

// Keeps the type in the object's BTF, of which the reader's type is generated.
const struct process *unused __attribute__((unused));
