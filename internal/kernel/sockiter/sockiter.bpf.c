//go:build ignore

// A BPF iterator over the open files of all processes. It writes one struct socket_record
// for each descriptor of a socket that listens, in whatever network namespace, and for each
// connection of a process that is asked about. A second program writes one for each socket
// that begins to listen, when it does, for those that are closed before the next pass.
//
// Only the fields that are read are declared here. CO-RE finds where the running kernel
// has them, so that one object fits every kernel and architecture of its byte order.

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static __attribute__((always_inline)) inline
#define CORE __attribute__((preserve_access_index))

// The kernel gives these helpers to programs under a license of its own only.
char license_of_this[] SEC("license") = "GPL";

struct seq_file;
struct task_struct;
struct socket;
struct file;

// The numbers of the helpers are those of include/uapi/linux/bpf.h.
static long (*const probe_read_kernel)(void *to, __u32 size, const void *from) = (void *)113;
static long (*const seq_write)(struct seq_file *to, const void *data, __u32 size) = (void *)127;
static long (*const ringbuf_output)(void *map, const void *data, __u64 size, __u64 flags) = (void *)130;
static struct task_struct *(*const get_current_task_btf)(void) = (void *)158;
static struct socket *(*const sock_from_file)(struct file *file) = (void *)162;

struct ns_common {
	unsigned int inum;
} CORE;

struct pid_namespace {
	struct ns_common ns;
} CORE;

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
} CORE;

struct task_struct {
	int tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime;
	__u64 self_exec_id;
	char comm[16];
} CORE;

struct inode {
	unsigned long i_ino;
} CORE;

struct file {
	struct inode *f_inode;
} CORE;

struct net {
	struct ns_common ns;
} CORE;

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u32 u6_addr32[4];
	} in6_u;
} CORE;

struct sock_common {
	union {
		struct {
			__u32 skc_daddr;
			__u32 skc_rcv_saddr;
		};
	};
	union {
		struct {
			__u16 skc_dport;
			__u16 skc_num;
		};
	};
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_ipv6only : 1;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
} CORE;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	__u16 sk_type;
	struct socket *sk_socket;
} CORE;

struct socket {
	struct sock *sk;
} CORE;

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
} CORE;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 seq_num;
} CORE;

struct bpf_iter__task_file {
	union {
		struct bpf_iter_meta *meta;
		__u64 : 64;
	} __attribute__((aligned(8)));
	union {
		struct task_struct *task;
		__u64 : 64;
	} __attribute__((aligned(8)));
	__u32 fd;
	union {
		struct file *file;
		__u64 : 64;
	} __attribute__((aligned(8)));
};

enum {
	AF_INET = 2,
	AF_INET6 = 10,
	SOCK_DGRAM = 2,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	IPPROTO_MPTCP = 262,
	TCP_ESTABLISHED = 1,
	TCP_CLOSE = 7,
	TCP_LISTEN = 10,
};

// What user space reads; the same as record in iterator.go.
struct socket_record {
	__u64 inode;
	__u64 start; // of the process, ns since boot
	__u64 execs; // changes when the process executes another program
	__u32 pid;
	__u32 fd;
	__u32 netns;
	__u16 protocol;
	__u16 local_port;
	__u16 remote_port;
	__u8 family;
	__u8 state;
	__u8 v6only;
	__u8 padding[3];
	__u32 local[4]; // in network order; of IPv4 the first
	__u32 remote[4];
	char comm[16];
};

// The processes whose connections are wanted, set by user space between two reads.
#define MAX_WATCHED 32
volatile __u32 watched[MAX_WATCHED];
volatile __u32 watched_count;

INLINE int is_watched(__u32 pid)
{
	for (__u32 i = 0; i < MAX_WATCHED; i++) {
		if (i >= watched_count)
			return 0;
		if (watched[i] == pid)
			return 1;
	}
	return 0;
}

// The pid namespace of whoever reads, as of the last pass: how deep it lies, and its inode.
volatile __u32 reader_level;
volatile __u32 reader_namespace;

// A namespace deeper than the kernel allows (MAX_PID_NS_LEVEL) is none.
#define MAX_LEVEL 32

INLINE void remember_reader(void)
{
	struct pid *reader = get_current_task_btf()->thread_pid;
	struct upid number = {};

	if (reader->level > MAX_LEVEL)
		return;
	reader_level = reader->level;
	// The verifier wants a constant offset of a direct read, here and below.
	probe_read_kernel(&number, sizeof(number),
			  (const char *)__builtin_preserve_access_index(&reader->numbers) + reader->level * sizeof(struct upid));
	probe_read_kernel((void *)&reader_namespace, sizeof(reader_namespace),
			  __builtin_preserve_access_index(&number.ns->ns.inum));
}

// process_id is the number of a process in the pid namespace of whoever reads, or 0 if it
// has none there.
INLINE __u32 process_id(struct task_struct *leader)
{
	struct pid *process = leader->thread_pid;
	__u32 level = reader_level, namespace = 0;
	struct upid number = {};

	if (level == 0)
		return leader->tgid;
	if (level > MAX_LEVEL || level > process->level)
		return 0;
	probe_read_kernel(&number, sizeof(number),
			  (const char *)__builtin_preserve_access_index(&process->numbers) + level * sizeof(struct upid));
	probe_read_kernel(&namespace, sizeof(namespace), __builtin_preserve_access_index(&number.ns->ns.inum));
	return namespace == reader_namespace ? number.nr : 0;
}

// is_v6only reads a bit field: the compiler says at which bytes it lies and how far it is
// to be shifted (enum bpf_field_info_kind: byte offset 0, byte size 1, left shift 4, right
// shift 5).
INLINE __u8 is_v6only(struct sock_common *common)
{
	const char *at = (const char *)common + __builtin_preserve_field_info(common->skc_ipv6only, 0);
	__u64 value = 0;

	switch (__builtin_preserve_field_info(common->skc_ipv6only, 1)) {
	case 1:
		value = *(const __u8 *)at;
		break;
	case 2:
		value = *(const __u16 *)at;
		break;
	case 4:
		value = *(const __u32 *)at;
		break;
	case 8:
		value = *(const __u64 *)at;
		break;
	}
	value <<= __builtin_preserve_field_info(common->skc_ipv6only, 4);
	return value >> __builtin_preserve_field_info(common->skc_ipv6only, 5);
}

INLINE void copy_v6(__u32 *to, struct in6_addr *from)
{
	to[0] = from->in6_u.u6_addr32[0];
	to[1] = from->in6_u.u6_addr32[1];
	to[2] = from->in6_u.u6_addr32[2];
	to[3] = from->in6_u.u6_addr32[3];
}

// fill writes what is known of a socket and of the process that holds it.
INLINE void fill(struct socket_record *record, struct sock *sock, struct task_struct *leader)
{
	struct sock_common *common = &sock->__sk_common;

	record->start = leader->start_boottime;
	record->execs = leader->self_exec_id;
	record->netns = common->skc_net.net->ns.inum;
	record->local_port = common->skc_num;
	record->remote_port = __builtin_bswap16(common->skc_dport);
	if (record->family == AF_INET) {
		record->local[0] = common->skc_rcv_saddr;
		record->remote[0] = common->skc_daddr;
	} else {
		record->v6only = is_v6only(common);
		copy_v6(record->local, &common->skc_v6_rcv_saddr);
		copy_v6(record->remote, &common->skc_v6_daddr);
	}
	probe_read_kernel(record->comm, sizeof(record->comm), __builtin_preserve_access_index(&leader->comm));
}

SEC("iter/task_file")
int dump_sockets(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct task_struct *task = ctx->task;
	struct task_struct *leader;
	struct socket *socket;
	struct sock *sock;
	struct sock_common *common;
	struct socket_record record = {};

	if (!ctx->meta->seq_num)
		remember_reader();
	if (!file || !task)
		return 0;
	socket = sock_from_file(file);
	if (!socket)
		return 0;
	sock = socket->sk;
	if (!sock)
		return 0;
	common = &sock->__sk_common;
	record.family = common->skc_family;
	if (record.family != AF_INET && record.family != AF_INET6)
		return 0;
	if (!common->skc_num)
		return 0;
	record.state = common->skc_state;
	leader = task->group_leader;
	switch (sock->sk_protocol) {
	case IPPROTO_TCP:
	case IPPROTO_MPTCP: // its sockets carry the addresses of their first subflow
		record.protocol = IPPROTO_TCP;
		if (record.state == TCP_LISTEN)
			break;
		if (record.state != TCP_ESTABLISHED || !watched_count)
			return 0;
		record.pid = process_id(leader);
		if (!is_watched(record.pid))
			return 0;
		break;
	case IPPROTO_UDP:
		record.protocol = IPPROTO_UDP;
		if (sock->sk_type != SOCK_DGRAM || record.state != TCP_CLOSE || common->skc_dport)
			return 0; // a raw socket, or one that is connected
		break;
	default:
		return 0;
	}
	if (!record.pid)
		record.pid = process_id(leader);
	record.fd = ctx->fd;
	record.inode = file->f_inode->i_ino;
	fill(&record, sock, leader);
	seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

// What began to listen, for user space to read between two passes. When it is full, more is
// lost, which user space sees by its being full. 64 KiB is a page on every architecture.
struct {
	int (*type)[27]; // BPF_MAP_TYPE_RINGBUF
	int (*max_entries)[64 << 10];
} began SEC(".maps");

// A change of state of a TCP socket, from arguments[1] to arguments[2]. In listen(2) it comes
// when bind(2) has set the port; of a socket that was not bound, the port is 0. MPTCP listens by
// a TCP socket within.
SEC("tp_btf/inet_sock_set_state")
int note_listener(__u64 *arguments)
{
	struct sock *sock = (struct sock *)arguments[0];
	struct task_struct *leader;
	struct socket_alloc *allocated;
	unsigned long inode = 0;

	if ((int)arguments[2] != TCP_LISTEN || sock->sk_protocol != IPPROTO_TCP)
		return 0;
	struct socket_record record = {};
	record.state = TCP_LISTEN;
	record.family = sock->__sk_common.skc_family;
	if (record.family != AF_INET && record.family != AF_INET6)
		return 0;
	if (!reader_namespace || !sock->sk_socket)
		return 0;
	leader = get_current_task_btf()->group_leader;
	record.pid = process_id(leader);
	if (!record.pid)
		return 0;
	// The TCP socket within one of MPTCP has no file, but the inode number of that one.
	allocated = (struct socket_alloc *)sock->sk_socket;
	probe_read_kernel(&inode, sizeof(inode), __builtin_preserve_access_index(&allocated->vfs_inode.i_ino));
	record.inode = inode;
	record.protocol = IPPROTO_TCP;
	fill(&record, sock, leader);
	ringbuf_output(&began, &record, sizeof(record), 1); // BPF_RB_NO_WAKEUP
	return 0;
}
