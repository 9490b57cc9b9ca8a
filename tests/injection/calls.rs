//! What each system call can fail with, by its manual page and the kernel's source. What no kernel
//! returns for the arguments that netfilterd passes is not here, such as EBADF and EFAULT.

/// How a system call can fail.
pub struct Failing {
    pub call: &'static str,
    /// What must stand in the line that strace writes for it; for an error that lasts, in all later ones.
    pub only: &'static str,
    pub errors: &'static [&'static str],
}

const fn failing(call: &'static str, errors: &'static [&'static str]) -> Failing {
    Failing { call, only: "", errors }
}

const fn only(call: &'static str, only: &'static str, errors: &'static [&'static str]) -> Failing {
    Failing { call, only, errors }
}

/// The descriptor of a file that has a name, as strace writes it.
const FILE: &str = "</";

/// No descriptor: fs/file.c, and the limit of the system: fs/file_table.c.
const NO_DESCRIPTOR: &[&str] = &["EMFILE", "ENFILE", "ENOMEM"];

/// A path that is looked up: fs/namei.c; EIO and ESTALE are of file systems, ESTALE of those on another
/// host.
const NO_FILE: &[&str] = &["EACCES", "EIO", "ELOOP", "ENOENT", "ENOMEM", "ENOTDIR", "ESTALE"];

/// A folder that is written to.
const NO_CHANGE: &[&str] = &["EACCES", "EDQUOT", "EIO", "ENOSPC", "EPERM", "EROFS"];

/// The calls, in the order of what they are for.
pub const FAILING: &[Failing] = &[
    // Sockets. netlink_create() and security modules; netlink_autobind(); netlink_setsockopt() and
    // sock_setsockopt(); netlink_sendmsg() and netlink_unicast(), nfnetlink_rcv_batch().
    failing(
        "socket",
        &[
            "EACCES",
            "EAFNOSUPPORT",
            "EMFILE",
            "ENFILE",
            "ENOBUFS",
            "ENOMEM",
            "EPERM",
            "EPROTONOSUPPORT",
        ],
    ),
    failing("socketpair", NO_DESCRIPTOR),
    failing("bind", &["EADDRINUSE", "ENOMEM", "EPERM"]),
    failing("connect", &["EACCES", "EAGAIN", "ECONNREFUSED", "ENOENT"]),
    failing("getsockname", &["ENOBUFS"]),
    failing("setsockopt", &["ENOBUFS", "ENOMEM", "ENOPROTOOPT", "EPERM"]),
    failing("getsockopt", &["ENOBUFS", "ENOPROTOOPT"]),
    failing("sendto", &["ECONNREFUSED", "EINTR", "EMSGSIZE", "ENOBUFS", "ENOMEM", "EPERM"]),
    failing("sendmsg", &["ECONNREFUSED", "EINTR", "EMSGSIZE", "ENOBUFS", "ENOMEM", "EPERM"]),
    failing("sendmmsg", &["ECONNREFUSED", "EINTR", "EMSGSIZE", "ENOBUFS", "ENOMEM", "EPERM"]),
    failing("recvfrom", &["EAGAIN", "EINTR", "ENOBUFS", "ENOMEM"]),
    failing("recvmsg", &["EAGAIN", "EINTR", "ENOBUFS", "ENOMEM"]),
    failing("recvmmsg", &["EAGAIN", "EINTR", "ENOBUFS", "ENOMEM"]),
    // Waiting. do_sys_poll(); EINVAL: RLIMIT_NOFILE was lowered below the number of descriptors.
    failing("poll", &["EINTR", "EINVAL", "ENOMEM"]),
    failing("ppoll", &["EINTR", "EINVAL", "ENOMEM"]),
    failing("epoll_create1", NO_DESCRIPTOR),
    failing("epoll_ctl", &["ENOMEM", "ENOSPC"]),
    failing("epoll_wait", &["EINTR"]),
    failing("eventfd2", NO_DESCRIPTOR),
    failing("timerfd_create", NO_DESCRIPTOR),
    failing("clock_nanosleep", &["EINTR"]),
    // Files.
    only("openat", "O_CREAT", &["EDQUOT", "ENOSPC", "EPERM", "EROFS"]),
    failing("openat", NO_FILE),
    failing("openat", &["EINTR", "EMFILE", "ENFILE"]),
    failing("read", &["EINTR"]),
    only("read", FILE, &["EIO", "ENOMEM", "ESTALE"]),
    // A process that has ended meanwhile: fs/proc/base.c.
    only("read", "</proc/", &["ESRCH"]),
    failing("pread64", &["EINTR", "EIO", "ENOMEM", "ESTALE"]),
    // Not an eventfd, whose write never waits.
    only("write", FILE, &["EDQUOT", "EINTR", "EIO", "ENOSPC"]),
    only("write", "<pipe:", &["EAGAIN", "EINTR", "EPIPE"]),
    failing("statx", NO_FILE),
    failing("newfstatat", NO_FILE),
    failing("fstat", &["EIO", "ESTALE"]),
    failing("readlink", NO_FILE),
    failing("readlinkat", NO_FILE),
    failing("getdents64", &["EIO", "ENOENT", "ENOMEM", "ESTALE"]),
    failing("rename", NO_CHANGE),
    failing("rename", &["EXDEV", "ENOENT"]),
    failing("unlink", NO_CHANGE),
    failing("unlink", &["EBUSY", "ENOENT"]),
    failing("mkdir", NO_CHANGE),
    failing("ftruncate", &["EINTR", "EIO", "EPERM"]),
    failing("fchmod", &["EIO", "EPERM", "EROFS"]),
    failing("fsync", &["EDQUOT", "EIO", "ENOSPC"]),
    failing("flock", &["EAGAIN", "EINTR", "ENOLCK"]),
    failing("getcwd", &["ENOENT", "ENOMEM"]),
    only("fcntl", "F_DUPFD", &["EMFILE"]),
    only("fcntl", "F_SETLK", &["EAGAIN", "EINTR", "ENOLCK"]),
    failing("inotify_init1", NO_DESCRIPTOR),
    // Not ENOENT: a folder that comes back makes an event of the one above it, which strace does not.
    failing("inotify_add_watch", &["EACCES", "ENOMEM", "ENOSPC"]),
    failing("pipe2", NO_DESCRIPTOR),
    // Memory: where malloc(3) gets none in this way, it tries brk(2).
    failing("mmap", &["ENOMEM"]),
    failing("mremap", &["ENOMEM"]),
    failing("munmap", &["ENOMEM"]),
    failing("mprotect", &["ENOMEM"]),
    failing("madvise", &["EAGAIN", "ENOMEM"]),
    // Threads: copy_process().
    failing("clone", &["EAGAIN", "ENOMEM"]),
    failing("clone3", &["EAGAIN", "ENOMEM", "ENOSYS"]),
    // Privileges: security modules, and sandboxes that filter system calls.
    failing("prctl", &["EINVAL", "EPERM"]),
    failing("capget", &["EPERM"]),
    failing("capset", &["EPERM"]),
    failing("prlimit64", &["EPERM"]),
    failing("getrandom", &["EINTR", "ENOSYS"]),
    only("getrandom", "GRND_NONBLOCK", &["EAGAIN"]),
    failing("sigaltstack", &["ENOMEM"]),
    failing("ioctl", &["EIO", "ENOTTY"]),
];

/// What is not made to fail, and why.
pub const NEVER: &[(&str, &str)] = &[
    ("access", "only the loader of shared libraries asks"),
    ("arch_prctl", "cannot fail"),
    ("brk", "returns where the memory ends and no error; strace can return only an error"),
    ("close", "the descriptor is closed whatever it returns; strace would leave it open"),
    ("execve", "is not netfilterd's"),
    ("exit", "cannot fail"),
    ("exit_group", "cannot fail"),
    ("fcntl", "cannot fail for an open descriptor, but for what FAILING has"),
    ("futex", "waits again, in the standard library"),
    ("getegid", "cannot fail"),
    ("geteuid", "cannot fail"),
    ("getgid", "cannot fail"),
    ("getpid", "cannot fail"),
    ("getppid", "cannot fail"),
    ("gettid", "cannot fail"),
    ("getuid", "cannot fail"),
    ("inotify_rm_watch", "cannot fail for a watch that is there"),
    ("lseek", "cannot fail for a regular file"),
    ("restart_syscall", "is the kernel's own"),
    ("rseq", "is the C library's, at the start of a thread"),
    ("rt_sigaction", "cannot fail for signals that can be handled"),
    ("rt_sigprocmask", "cannot fail"),
    ("rt_sigreturn", "cannot fail"),
    ("sched_getaffinity", "cannot fail for the own process"),
    ("sched_yield", "cannot fail"),
    ("set_robust_list", "is the C library's, at the start of a thread"),
    ("set_tid_address", "cannot fail"),
    ("timerfd_settime", "sets the timer even where it returns ECANCELED; strace would not"),
    ("uname", "cannot fail"),
];

/// What passes by itself: it is not made to last.
pub const PASSING: &[&str] = &["EAGAIN", "EINTR"];

/// Calls that are not made to fail for good: a process cannot go on without the memory for a few bytes.
pub const VITAL: &[&str] = &["mmap", "mprotect", "mremap"];

#[test]
fn no_call_is_both_made_to_fail_and_never() {
    for Failing { call, only, errors } in FAILING {
        let never = NEVER.iter().any(|(never, _)| never == call);
        assert!(!never || !only.is_empty(), "{call}");
        assert!(!errors.is_empty(), "{call}");
    }
}
