//go:build ignore

// Notes in a ring buffer what happens to processes: that one begins, that it runs another
// program, that its last thread ends, and what it has used once the kernel is done with it.
// Threads are not noted, they are counted. Whoever reads is woken up at once only for a
// program that it does not know.

#include "../taskiter/kernel.h"

#define SEC(name) __attribute__((section(name), used))
#define INLINE static __attribute__((always_inline)) inline
#define TYPE_OF(type) ((type *)0)
// Whether the running kernel has a field (BPF_FIELD_EXISTS).
#define HAS(type, field) __builtin_preserve_field_info(TYPE_OF(type)->field, 2)

// The helpers that are called are for programs under the GPL only.
char LICENSE[] SEC("license") = "GPL";

// The numbers are those of include/uapi/linux/bpf.h.
static void *(*const map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const probe_read_user)(void *to, __u32 size, const void *from) = (void *)112;
static long (*const probe_read_kernel)(void *to, __u32 size, const void *from) = (void *)113;
static long (*const ringbuf_output)(void *map, const void *data, __u64 size, __u64 flags) = (void *)130;
static __u64 (*const ringbuf_query)(void *map, __u64 flags) = (void *)134;
static __u64 (*const ktime_get_boot_ns)(void) = (void *)125;

enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2, BPF_RB_AVAIL_DATA = 0 };
enum { SIGNAL_GROUP_EXIT = 4 }; // include/linux/sched/signal.h
enum { MINORBITS = 20 };        // include/linux/kdev_t.h

enum { FORK = 1, EXEC = 2, EXIT = 3, GONE = 4 };

#define RING_BYTES (4 << 20) // ringBytes of taskevents.go
#define ARGUMENTS_LIMIT 1024
#define MAX_KNOWN 1024

// The head of each record. What follows depends on the kind.
struct head {
	__u16 kind;
	__u16 size; // of the whole record, in bytes
	__u32 pid;  // of the process
	__u64 time; // ns since boot, suspended time included
	__u64 start_time;
};

struct fork {
	struct head head;
	__u32 parent;
	__u32 padding;
	__u64 parent_start_time;
};

// Which file is executed, by which name and through which mount.
struct program {
	__u64 inode;
	__u64 changed; // ns
	__u64 directory;
	__u32 device;
	__u32 name; // a hash
	__u32 mount; // enough of an address to tell one from another, and not where it lies
	__u32 mount_ns;
};

struct exec {
	struct head head;
	struct program program;
	__u32 uid;
	__u32 known;            // whether whoever reads has said so
	__u32 arguments_length; // of all that there are; what is not here was too long
	__u32 padding;
	__u8 comm[16];
};

struct exec_with_arguments {
	struct exec exec;
	__u8 arguments[ARGUMENTS_LIMIT];
};

struct exit {
	struct head head;
	__u64 run_time;
	__u32 exit_code;
	__u32 uid;
	__u8 comm[16];
};

struct gone {
	struct head head;
	__u64 run_time;
};

struct {
	int (*type)[27]; // BPF_MAP_TYPE_RINGBUF
	int (*max_entries)[RING_BYTES];
} events SEC(".maps");

// The programs that need not be looked at in the moment that they begin.
struct {
	int (*type)[1]; // BPF_MAP_TYPE_HASH
	int (*max_entries)[MAX_KNOWN];
	struct program *key;
	__u8 *value;
} known SEC(".maps");

// One for each CPU to put a record together: a program's stack is too small.
struct {
	int (*type)[6]; // BPF_MAP_TYPE_PERCPU_ARRAY
	int (*max_entries)[1];
	__u32 *key;
	struct exec_with_arguments *value;
} scratch SEC(".maps");

volatile __u32 sleeping;      // whoever reads waits for the first record
volatile __u32 urgent;        // a program has begun that has to be looked at while it runs
volatile __u64 lost;          // records for which there was no room
volatile __u64 threads_ended;

INLINE void put(void *record, __u32 size, int is_urgent)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (is_urgent || sleeping || ringbuf_query(&events, BPF_RB_AVAIL_DATA) > RING_BYTES / 2) {
		sleeping = 0;
		if (is_urgent)
			urgent = 1;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	if (ringbuf_output(&events, record, size, flags))
		__sync_fetch_and_add(&lost, 1);
}

INLINE struct head head_of(__u16 kind, __u16 size, const struct task_struct *leader)
{
	struct head h = { .kind = kind, .size = size };

	h.pid = leader->tgid;
	h.time = ktime_get_boot_ns();
	h.start_time = leader->start_boottime;
	return h;
}

// What all threads of a process have run so far. Threads that were removed are in
// sum_sched_runtime, and so is the first one once it is.
INLINE __u64 run_time_of(const struct task_struct *leader, const struct signal_struct *signal, int removed)
{
	__u64 ended = signal->sum_sched_runtime, own = leader->se.sum_exec_runtime;

	if (!removed)
		return ended + own;
	// What was added when it was removed may lag behind.
	return ended > own ? ended : own;
}

SEC("tp_btf/sched_process_fork")
int note_fork(__u64 *arguments)
{
	const struct task_struct *child = (const void *)arguments[1];
	const struct task_struct *parent;
	struct fork r = {};

	if (child->pid != child->tgid)
		return 0;
	parent = child->real_parent;
	r.head = head_of(FORK, sizeof(r), child);
	r.parent = parent->tgid;
	r.parent_start_time = parent->start_boottime;
	put(&r, sizeof(r), 0);
	return 0;
}

// The highest bit of the nanoseconds says whether somebody has asked for them (I_CTIME_QUERIED, since 6.13).
#define NANOSECONDS(field) ((field) & 0x7fffffff)

INLINE __u64 changed_at(const struct inode *inode)
{
	const struct inode___6_6 *middle = (const void *)inode;
	const struct inode___before_6_6 *old = (const void *)inode;

	if (HAS(struct inode, i_ctime_sec))
		return inode->i_ctime_sec * 1000000000ULL + NANOSECONDS(inode->i_ctime_nsec);
	if (HAS(struct inode___6_6, __i_ctime))
		return middle->__i_ctime.tv_sec * 1000000000ULL + NANOSECONDS(middle->__i_ctime.tv_nsec);
	if (HAS(struct inode___before_6_6, i_ctime))
		return old->i_ctime.tv_sec * 1000000000ULL + old->i_ctime.tv_nsec;
	return 0;
}

// The name of the file is left at 0 where something is missing: such a program is never known.
INLINE void read_program(struct program *p, const struct task_struct *task, const struct mm_struct *mm)
{
	const struct file *exe = mm->exe_file;
	const struct inode *inode, *directory;
	const struct super_block *super;
	const struct dentry *dentry, *parent;
	const struct nsproxy *namespaces = task->nsproxy;
	const struct mnt_namespace *mounts;
	__u64 mount = 0;

	if (!exe)
		return;
	inode = exe->f_inode;
	dentry = exe->f_path.dentry;
	if (!inode || !dentry || !namespaces || !inode->i_nlink)
		return;
	super = inode->i_sb;
	parent = dentry->d_parent;
	mounts = namespaces->mnt_ns;
	if (!super || !parent || !mounts)
		return;
	directory = parent->d_inode;
	if (!directory)
		return;
	probe_read_kernel(&mount, sizeof(mount), &exe->f_path.mnt);
	p->inode = inode->i_ino;
	p->changed = changed_at(inode);
	p->directory = directory->i_ino;
	p->device = super->s_dev;
	p->name = dentry->d_name.hash;
	p->mount = mount >> 6;
	p->mount_ns = mounts->ns.inum;
}

SEC("tp_btf/sched_process_exec")
int note_exec(__u64 *arguments)
{
	const struct task_struct *task = (const void *)arguments[0];
	const struct mm_struct *mm = task->mm;
	const struct cred *cred = task->real_cred;
	__u32 zero = 0, length;
	__u64 begin, end;
	struct exec_with_arguments *record;
	struct exec *r;

	record = map_lookup_elem(&scratch, &zero);
	if (!record || !mm)
		return 0;
	r = &record->exec;
	r->program = (struct program){};
	read_program(&r->program, task, mm);
	r->uid = cred ? cred->euid.val : 0;
	r->known = r->program.changed && map_lookup_elem(&known, &r->program);
	probe_read_kernel(r->comm, sizeof(r->comm), task->comm);
	begin = mm->arg_start;
	end = mm->arg_end;
	r->arguments_length = end > begin ? end - begin : 0;
	length = r->arguments_length;
	if (length > ARGUMENTS_LIMIT)
		length = ARGUMENTS_LIMIT;
	// The verifier has to see the bound in the register that is passed on.
	__asm__ volatile("" : "+r"(length));
	length &= 2 * ARGUMENTS_LIMIT - 1;
	if (length > ARGUMENTS_LIMIT)
		length = 0;
	if (probe_read_user(record->arguments, length, (const void *)begin))
		length = 0; // they count as too long
	length += sizeof(*r);
	r->head = head_of(EXEC, length, task);
	put(record, length, !r->known);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int note_exit(__u64 *arguments)
{
	const struct task_struct *task = (const void *)arguments[0];
	const struct signal_struct *signal = task->signal;
	const struct task_struct *leader = task->group_leader;
	const struct cred *cred = task->real_cred;
	struct exit r = {};

	__sync_fetch_and_add(&threads_ended, 1);
	if (signal->live.counter)
		return 0; // others go on
	r.head = head_of(EXIT, sizeof(r), leader);
	r.run_time = run_time_of(leader, signal, 0);
	r.exit_code = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
	if (cred)
		r.uid = cred->euid.val;
	probe_read_kernel(r.comm, sizeof(r.comm), leader->comm);
	put(&r, sizeof(r), 0);
	return 0;
}

SEC("tp_btf/sched_process_free")
int note_gone(__u64 *arguments)
{
	const struct task_struct *task = (const void *)arguments[0];
	const struct signal_struct *signal = task->signal;
	struct gone r = {};

	if (task->pid != task->tgid)
		return 0;
	r.head = head_of(GONE, sizeof(r), task);
	r.run_time = run_time_of(task, signal, 1);
	put(&r, sizeof(r), 0);
	return 0;
}

// Keep the types in the object's BTF, of which the reader's types are generated.
const struct head *unused_head __attribute__((unused));
const struct fork *unused_fork __attribute__((unused));
const struct exec *unused_exec __attribute__((unused));
const struct exit *unused_exit __attribute__((unused));
const struct gone *unused_gone __attribute__((unused));
const struct program *unused_program __attribute__((unused));
