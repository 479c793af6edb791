/* Trying a jail from inside. Each attempt returns true where it succeeded. */
#include "common/process/jail_trial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/process/jail.h"
#include "common/process/jail_room.h"

/* How the child says what happened. */
#define EXIT_REFUSED 0
#define EXIT_SUCCEEDED 1
#define EXIT_NO_JAIL 2

static bool
opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

static bool
read_passwd(void)
{
    return opens("/etc/passwd", O_RDONLY);
}

static bool
read_keys(void)
{
    /* Every service has its keys in memory by now; the files are closed. */
    return opens("keys/auth/es256.key", O_RDONLY) ||
           opens("keys/auth/passport.key", O_RDONLY) ||
           opens("keys/monitor/audit.key", O_RDONLY) ||
           opens("keys/edge/tls.key", O_RDONLY) ||
           opens("keys/ca/ca.key", O_RDONLY);
}

static bool
list_keys(void)
{
    return opens("keys", O_RDONLY | O_DIRECTORY);
}

static bool
write_config(void)
{
    return opens("ca.pem", O_WRONLY | O_APPEND) ||
           opens("jail-trial", O_WRONLY | O_CREAT | O_EXCL);
}

static bool
write_outside(void)
{
    return opens("/var/tmp/sallyport-jail-trial", O_WRONLY | O_CREAT);
}

static bool
read_other_memory(void)
{
    char word[8];
    struct iovec local = { .iov_base = word, .iov_len = sizeof(word) };
    struct iovec remote = { .iov_base = word, .iov_len = sizeof(word) };

    return process_vm_readv(getppid(), &local, 1, &remote, 1, 0) > 0;
}

static bool
trace_parent(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool
run_program(void)
{
    char *const argv[] = { NULL };
    char *const envp[] = { NULL };

    /* A success ends with false's status 1, which says so. */
    (void)execve("/bin/false", argv, envp);
    return false;
}

static bool
fork_process(void)
{
    pid_t child = fork();

    if (child == 0) {
        _exit(0);
    }
    return child > 0;
}

static bool
signal_parent(void)
{
    return kill(getppid(), 0) == 0;
}

/* No such thread group: the answer shows whether the call got that far. */
static bool
signal_other_thread(void)
{
    const long nobody = 0x3fffffff;

    return syscall(SYS_tgkill, nobody, nobody, 0) == 0 || errno == ESRCH;
}

static bool
aim_signals_elsewhere(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    return fd >= 0 && fcntl(fd, F_SETOWN, getppid()) == 0;
}

/* No terminal: the answer shows whether the call got that far. */
static bool
type_into_terminal(void)
{
    const char key = '\n';
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    return fd >= 0 && (ioctl(fd, TIOCSTI, &key) == 0 || errno != EPERM);
}

static bool
become_other_user(void)
{
    return syscall(SYS_setresuid, 65534, 65534, 65534) == 0;
}

static bool
make_namespace(void)
{
    return syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */) == 0;
}

static bool
mount_something(void)
{
    return mount("none", "/mnt", "tmpfs", 0, NULL) == 0;
}

static bool
make_memory_executable(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool
load_kernel_code(void)
{
    return syscall(SYS_bpf, 0, NULL, 0) >= 0;
}

static bool
open_raw_socket(void)
{
    return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0 ||
           socket(AF_PACKET, SOCK_RAW, 0) >= 0 ||
           socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static bool
open_inet_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static struct sockaddr_in
loopback(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static bool
listen_on_port(void)
{
    struct sockaddr_in address = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd >= 0 &&
           bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

static bool
connect_elsewhere(void)
{
    /* The discard port: the jail says EACCES, the network would answer
     * otherwise. */
    struct sockaddr_in address = loopback(9);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd >= 0 && (connect(fd, (const struct sockaddr *)&address,
                               sizeof(address)) == 0 ||
                       errno != EACCES);
}

/* Whoever binds a path first receives its mail: so no process may make a socket
 * outside its own receive directory. */
static bool
steal_socket_path(void)
{
    static const char *const paths[] = { "run/edge/auth.stolen",
                                         "run/auth/edge.stolen",
                                         "run/tools/ratelimit.stolen",
                                         "run/monitor/edge.stolen" };
    size_t made = 0;

    for (size_t i = 0; i < SP_COUNT(paths); i++) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        memcpy(address.sun_path, paths[i], strlen(paths[i]) + 1);
        if (fd >= 0 &&
            bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
            (void)unlink(paths[i]);
            made++;
        }
    }
    /* One of the four may be the process's own directory. */
    return made > 1;
}

/* Whoever holds a replica's lock keeps it from starting again: a neighbour's
 * directory may be listed, and nothing in it opened. */
static const char *const locks[] = { "run/edge/jail-trial.lock",
                                     "run/auth/jail-trial.lock",
                                     "run/tools/jail-trial.lock",
                                     "run/monitor/jail-trial.lock" };

static void
make_locks(void)
{
    for (size_t i = 0; i < SP_COUNT(locks); i++) {
        (void)opens(locks[i], O_RDWR | O_CREAT);
    }
}

static void
remove_locks(void)
{
    for (size_t i = 0; i < SP_COUNT(locks); i++) {
        (void)unlink(locks[i]);
    }
}

static bool
open_foreign_lock(void)
{
    size_t opened = 0;

    for (size_t i = 0; i < SP_COUNT(locks); i++) {
        opened += opens(locks[i], O_RDONLY) ? 1 : 0;
    }
    /* One of the four may be in the process's own directory. */
    return opened > 1;
}

/* A service of the machine that is none of ours. */
static const char stranger[] = "jail-trial.socket";

static struct sockaddr_un
stranger_address(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    memcpy(address.sun_path, stranger, sizeof(stranger));
    return address;
}

static bool
call_stranger(void)
{
    const struct sockaddr_un address = stranger_address();
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    return fd >= 0 &&
           connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

static int
stranger_listen(void)
{
    const struct sockaddr_un address = stranger_address();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)unlink(stranger);
    if (fd >= 0 &&
        (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
         listen(fd, 1) != 0)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* When a trial makes sense. */
enum condition {
    ALWAYS,
    WITH_ROOM, /* the machine permits one */
    WITHOUT_INET,
    WITH_INET,
    WITH_INET_FIXED_PORTS,
};

static const struct {
    const char *name;
    bool (*succeeds)(void);
    enum condition condition;
} trials_table[] = {
    { "read /etc/passwd", read_passwd, ALWAYS },
    { "read key files", read_keys, ALWAYS },
    { "list the key directory", list_keys, ALWAYS },
    { "write into the state directory", write_config, ALWAYS },
    { "write outside the state directory", write_outside, ALWAYS },
    { "make a socket in a neighbour's directory", steal_socket_path, ALWAYS },
    { "hold a neighbour's lock", open_foreign_lock, ALWAYS },
    { "read another process's memory", read_other_memory, ALWAYS },
    { "trace another process", trace_parent, ALWAYS },
    { "signal another process", signal_parent, ALWAYS },
    { "signal another process's thread", signal_other_thread, ALWAYS },
    { "aim a descriptor's signals elsewhere", aim_signals_elsewhere, ALWAYS },
    { "type into a terminal", type_into_terminal, ALWAYS },
    { "connect to another program's socket", call_stranger, WITH_ROOM },
    { "run a program", run_program, ALWAYS },
    { "fork", fork_process, ALWAYS },
    { "become another user", become_other_user, ALWAYS },
    { "make a user namespace", make_namespace, ALWAYS },
    { "mount a file system", mount_something, ALWAYS },
    { "make memory executable", make_memory_executable, ALWAYS },
    { "load code into the kernel", load_kernel_code, ALWAYS },
    { "open a raw, packet or netlink socket", open_raw_socket, ALWAYS },
    { "open a network socket", open_inet_socket, WITHOUT_INET },
    { "listen on a port of its own choice", listen_on_port, WITH_INET },
    { "connect to another port", connect_elsewhere, WITH_INET_FIXED_PORTS },
};

static bool
room_is_permitted(const struct sp_jail *jail)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        bool entered = false;
        int error = sp_jail_room_enter(jail, &entered);

        _exit(error == 0 && entered ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static bool
applies(enum condition condition, const struct sp_jail *jail)
{
    switch (condition) {
    case ALWAYS:
        return true;
    case WITH_ROOM:
        return room_is_permitted(jail);
    case WITHOUT_INET:
        return !jail->inet;
    case WITH_INET:
        return jail->inet;
    case WITH_INET_FIXED_PORTS:
        return jail->inet && !jail->any_connect_port;
    }
    return false;
}

static bool
refused_inside(const struct sp_jail *jail, bool (*succeeds)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        const char *why = NULL;

        if (sp_jail_close(jail, &why) != 0) {
            _exit(EXIT_NO_JAIL);
        }
        _exit(succeeds() ? EXIT_SUCCEEDED : EXIT_REFUSED);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return false;
    }
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGSYS;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REFUSED;
}

size_t
sp_jail_try(const struct sp_jail *jail, struct sp_jail_trial *trials,
            size_t max)
{
    size_t count = 0;
    int listener = stranger_listen();

    make_locks();
    for (size_t i = 0; i < SP_COUNT(trials_table) && count < max; i++) {
        if (applies(trials_table[i].condition, jail)) {
            trials[count].name = trials_table[i].name;
            trials[count].refused =
                refused_inside(jail, trials_table[i].succeeds);
            count++;
        }
    }
    remove_locks();
    if (listener >= 0) {
        (void)close(listener);
        (void)unlink(stranger);
    }
    return count;
}
