/* The jail: limits, room, capabilities, Landlock, seccomp, in this order. */
#include "common/process/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/process/jail_room.h"
#include "common/process/landlock.h"

/* A sanitizer maps terabytes, starts threads and traces itself at the end: its
 * builds keep Landlock and the capabilities' end, and go without the rest. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define DEFAULT_ADDRESS_SPACE (1024ull * 1024 * 1024)
#define DEFAULT_OPEN_FILES 4096

/* What every process needs once it runs: its loop, its memory, its threads
 * (libzmq's), its descriptors. */
static const int common_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    SCMP_SYS(newfstatat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(openat),
    SCMP_SYS(open),
    SCMP_SYS(getdents64),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(umask),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(getcwd),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(flock),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_create),
    SCMP_SYS(eventfd2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pselect6),
    SCMP_SYS(select),
    SCMP_SYS(pipe2),
    SCMP_SYS(signalfd4),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(mlock),
    SCMP_SYS(munlock),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_setscheduler),
    SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(time),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(wait4),
    SCMP_SYS(waitid),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept4),
    SCMP_SYS(accept),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockopt),
    SCMP_SYS(membarrier),
};

/* What SQLite and the audit log need besides. */
static const int file_calls[] = {
    SCMP_SYS(pread64),   SCMP_SYS(pwrite64),  SCMP_SYS(fsync),
    SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(fallocate),
    SCMP_SYS(rename),    SCMP_SYS(renameat),  SCMP_SYS(renameat2),
    SCMP_SYS(fchmod),    SCMP_SYS(utimensat),
};

/* What fcntl() may do. F_SETOWN and its like are missing: they send signals to
 * any process of the user. */
static const int fcntl_commands[] = {
    F_DUPFD, F_GETFD,  F_SETFD,         F_GETFL,     F_SETFL,     F_GETLK,
    F_SETLK, F_SETLKW, F_DUPFD_CLOEXEC, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW,
};

/* And ioctl(): isatty() and non-blocking sockets. Nothing of it types into the
 * terminal that an inherited descriptor may lead to. */
static const int ioctl_requests[] = { TCGETS, FIONBIO, FIONREAD, FIOCLEX };

/* Calls that no bug, only an attacker makes: they end the process at once. All
 * others that are not listed fail with EPERM. */
static const int deadly_calls[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(bpf),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(reboot),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setresuid),
};

static int
limit(int resource, rlim_t value)
{
    struct rlimit limits = { .rlim_cur = value, .rlim_max = value };
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)resource, &now) == 0 &&
        now.rlim_max < value) {
        limits.rlim_cur = now.rlim_max;
        limits.rlim_max = now.rlim_max;
    }
    return setrlimit((__rlimit_resource_t)resource, &limits) == 0 ? 0
                                                                  : SP_ESYSTEM;
}

static int
set_limits(const struct sp_jail *jail)
{
    rlim_t space = jail->address_space_bytes != 0 ? jail->address_space_bytes
                                                  : DEFAULT_ADDRESS_SPACE;
    rlim_t files =
        jail->open_files != 0 ? jail->open_files : DEFAULT_OPEN_FILES;
    int error = limit(RLIMIT_CORE, 0) | limit(RLIMIT_NOFILE, files);

    if (!SANITIZED) {
        error |= limit(RLIMIT_AS, space);
    }
    return error;
}

static int
drop_capabilities(void)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3
    };
    struct __user_cap_data_struct none[2] = { { 0 } };

    /* Without CAP_SETPCAP the bounding set stays: no_new_privs makes it
     * useless then. */
    for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++) {
        (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, none) == 0 ? 0 : SP_ESYSTEM;
}

static int
allow_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0) {
            return SP_ESYSTEM;
        }
    }
    return 0;
}

/* libseccomp's SCMP_A0() leaves a member out, which clang calls a fault. */
static struct scmp_arg_cmp
equals(unsigned arg, scmp_datum_t value)
{
    const struct scmp_arg_cmp test = { arg, SCMP_CMP_EQ, value, 0 };

    return test;
}

static struct scmp_arg_cmp
masked(unsigned arg, scmp_datum_t mask, scmp_datum_t value)
{
    const struct scmp_arg_cmp test = { arg, SCMP_CMP_MASKED_EQ, mask, value };

    return test;
}

static int
allow_sockets(scmp_filter_ctx filter, const struct sp_jail *jail)
{
    /* The kind stands in the low bits; flags like SOCK_CLOEXEC above. */
    const scmp_datum_t kind_mask = 0xf;
    int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                 equals(0, AF_UNIX));

    for (int family = AF_INET; error == 0 && jail->inet; family = AF_INET6) {
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                 equals(0, (scmp_datum_t)family),
                                 masked(1, kind_mask, SOCK_STREAM));
        if (error == 0 && jail->datagrams) {
            error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket),
                                     2, equals(0, (scmp_datum_t)family),
                                     masked(1, kind_mask, SOCK_DGRAM));
        }
        if (family == AF_INET6) {
            break;
        }
    }
    return error;
}

static int
allow_values(scmp_filter_ctx filter, int call, unsigned argument,
             const int *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (seccomp_rule_add(
                filter, SCMP_ACT_ALLOW, call, 1,
                masked(argument, UINT32_MAX, (scmp_datum_t)values[i])) != 0) {
            return SP_ESYSTEM;
        }
    }
    return 0;
}

/* Threads yes, processes no: clone() must make a thread, and clone3(), whose
 * flags a filter cannot see, says that it does not exist. No memory becomes
 * executable any more. */
static int
allow_with_arguments(scmp_filter_ctx filter)
{
    const int own_pid = getpid();

    return allow_values(filter, SCMP_SYS(fcntl), 1, fcntl_commands,
                        SP_COUNT(fcntl_commands)) |
           allow_values(filter, SCMP_SYS(ioctl), 1, ioctl_requests,
                        SP_COUNT(ioctl_requests)) |
           /* abort() signals its own thread; no other process. */
           allow_values(filter, SCMP_SYS(tgkill), 0, &own_pid, 1) |
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                            masked(0, CLONE_THREAD, CLONE_THREAD)) |
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
                            0) |
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                            masked(2, PROT_EXEC, 0)) |
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                            masked(2, PROT_EXEC, 0)) |
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                            equals(0, PR_SET_NAME)) |
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                            equals(0, PR_SET_VMA)) |
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                            equals(2, 0));
}

static int
close_seccomp(const struct sp_jail *jail)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int error = SP_ESYSTEM;

    if (filter == NULL) {
        return SP_ESYSTEM;
    }
    if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1) == 0 &&
        /* A binary tree: the hot calls need few comparisons. */
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0) {
        error = allow_all(filter, common_calls, SP_COUNT(common_calls));
    }
    if (error == 0 && jail->file_locks) {
        error = allow_all(filter, file_calls, SP_COUNT(file_calls));
    }
    for (size_t i = 0; error == 0 && i < SP_COUNT(deadly_calls); i++) {
        error =
            seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly_calls[i], 0);
    }
    if (error == 0) {
        error = allow_sockets(filter, jail) | allow_with_arguments(filter);
    }
    if (error == 0) {
        error = seccomp_load(filter);
    }
    seccomp_release(filter);
    return error == 0 ? 0 : SP_ESYSTEM;
}

/* Parts that this machine does not have are left out, and reported. */
static int
close_files(const struct sp_jail *jail)
{
    bool entered = false;
    int error = SANITIZED ? 0 : sp_jail_room_enter(jail, &entered);

    if (error == 0 && !SANITIZED && !entered) {
        sp_log(SP_LOG_INFO, "jail_without_room", "errno=%d", errno);
    }
    if (sp_landlock_version() == 0) {
        sp_log(SP_LOG_WARN, "jail_without_landlock", "errno=%d", errno);
    }
    return error;
}

int
sp_jail_close(const struct sp_jail *jail, const char **ret_error)
{
    if (set_limits(jail) != 0) {
        *ret_error = "cannot set resource limits";
        return SP_ESYSTEM;
    }
    if (close_files(jail) != 0) {
        *ret_error = "cannot make a root directory of its own";
        return SP_ESYSTEM;
    }
    if (drop_capabilities() != 0) {
        *ret_error = "cannot drop capabilities";
        return SP_ESYSTEM;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        *ret_error = "cannot set no_new_privs";
        return SP_ESYSTEM;
    }
    if (sp_landlock_close(jail, ret_error) != 0) {
        return SP_ESYSTEM;
    }
    if (!SANITIZED && close_seccomp(jail) != 0) {
        *ret_error = "cannot load the seccomp filter";
        return SP_ESYSTEM;
    }
    return 0;
}
