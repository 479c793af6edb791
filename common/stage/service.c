/* The skeleton of every process. */
#include "common/stage/service.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/process/config.h"
#include "common/process/config_cross.h"
#include "common/process/jail.h"
#include "common/process/jail_trial.h"
#include "common/stage/event_cap.h"
#include "common/stage/pulse.h"
#include "common/stage/spool.h"

#define STATUS_MS 1000
#define SPOOL_RETRY_MS 50
/* A leaving replica waits until every sender has read its peer list again,
 * then for the requests in hand. */
#define LEAVE_MS 1200
#define DRAIN_LOOK_MS 20
#define MAX_JAIL_PATHS 32
#define MAX_PORTS 32
#define MAX_TRIALS 32
#define METRICS_MAX (SP_MAX_STATUS_PART * SP_MAX_STATUS_PARTS / 2)
#define TROUBLE_MAX 200
/* A sentence about a configuration file, its path included. */
#define WHY_MAX 8192
/* Readings of files that keep changing. */
#define RELOAD_TRIES 5

enum run_mode {
    MODE_SERVE,
    MODE_CHECK,
    MODE_JAIL_TRIAL,
};

struct sp_runtime {
    const struct sp_service *service;
    void *self;
    enum run_mode mode;
    struct sp_settings settings;
    struct sp_loop *loop;
    struct sp_links *links;
    struct sp_spool *spool;
    struct sp_event_cap *cap;
    const struct sp_handler *dispatch[SP_MESSAGE_LIMIT]; /* by id */
    struct sp_watch signals;
    struct sp_timer status;
    struct sp_timer drain;
    int64_t drain_began_ms;
    bool draining;
    bool left;
    bool work_closed;
    int pulse;             /* descriptor, see common/stage/pulse.h */
    unsigned char boot[8]; /* this run, for the audit trail */
    char trouble[TROUBLE_MAX + 1];
    char version[SP_CONFIG_VERSION_LEN + 1]; /* of the configuration in force */
    char refusal[SP_PULSE_REFUSAL_MAX + 1];  /* of the last one; "": taken */
    uint64_t reloaded;
    uint64_t refused;
    bool changed; /* while it was read at the start */
    struct sp_buf metrics;
};

/* ---------------------------------------------------------------- options */

static void
read_options(struct sp_runtime *rt, int argc, char **argv,
             const char **ret_replica)
{
    static const struct option options[] = {
        { "check", no_argument, NULL, 'c' },
        { "jail-trial", no_argument, NULL, 'j' },
        { "replica", required_argument, NULL, 'r' },
        { NULL, 0, NULL, 0 },
    };
    int option = 0;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            rt->mode = MODE_CHECK;
            break;
        case 'j':
            rt->mode = MODE_JAIL_TRIAL;
            break;
        case 'r':
            *ret_replica = optarg;
            break;
        default:
            sp_refuse("usage: %s [--replica NAME] [--check | --jail-trial]",
                      argv[0]);
        }
    }
    if (optind != argc) {
        sp_refuse("unexpected argument; usage: %s [--replica NAME] [--check | "
                  "--jail-trial]",
                  argv[0]);
    }
}

/* attack: the jail lets each process read all of SP_CONFIG, which must not lead
 * to the keys of the others. */
static void
keep_apart(const struct sp_settings *settings)
{
    char state[PATH_MAX];
    size_t len = strlen(settings->config);

    if (getcwd(state, sizeof(state)) == NULL) {
        sp_refuse("SP_STATE=%s: %s", settings->state, strerror(errno));
    }
    if (strncmp(state, settings->config, len) == 0 &&
        (state[len] == '/' || state[len] == '\0' || len == 1)) {
        sp_refuse("SP_STATE=%s lies in SP_CONFIG=%s; keep the keys out of the "
                  "directory of the YAML files",
                  state, settings->config);
    }
}

static void
load_settings(struct sp_runtime *rt, const char *replica)
{
    const char *why = NULL;
    char absolute[PATH_MAX];

    /* By way of the environment, so that it is checked like the variable: it is
     * part of file names. */
    if (replica != NULL && setenv("SP_REPLICA", replica, 1) != 0) {
        sp_refuse("--replica: %s", strerror(errno));
    }
    if (sp_settings_load(&rt->settings, &why) != 0) {
        sp_refuse("%s", why);
    }
    sp_log_open(sp_service_name(rt->service->id), rt->settings.level);
    /* The working directory is about to change: ipc paths must be short. */
    if (realpath(rt->settings.config, absolute) == NULL) {
        sp_refuse("SP_CONFIG=%s: %s; name the directory of the YAML files",
                  rt->settings.config, strerror(errno));
    }
    sp_free(rt->settings.config);
    rt->settings.config = sp_dup(absolute);
    if (chdir(rt->settings.state) != 0) {
        sp_refuse("SP_STATE=%s: %s; run `sallyport init` to make it",
                  rt->settings.state, strerror(errno));
    }
    keep_apart(&rt->settings);
}

/* ------------------------------------------------------------------- jail */

/* The jail of the service plus what its links need. */
struct full_jail {
    struct sp_jail jail;
    struct sp_jail_path paths[MAX_JAIL_PATHS];
    char texts[SP_SERVICE_COUNT][32];
    uint16_t connect_ports[MAX_PORTS];
    uint16_t bind_ports[MAX_PORTS];
};

static void
add_path(struct full_jail *full, const char *path, unsigned access)
{
    if (full->jail.path_count == MAX_JAIL_PATHS) {
        sp_fatal("too_many_jail_paths", "max=%d", MAX_JAIL_PATHS);
    }
    full->paths[full->jail.path_count++] =
        (struct sp_jail_path){ .path = path, .access = access };
}

/* A neighbour's receive directory must exist before its rule can be made; its
 * owner may come later than we do. */
static void
add_ipc_paths(struct full_jail *full, enum sp_service_id self)
{
    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        enum sp_service_id other = (enum sp_service_id)i;
        bool own = other == self;

        if (!own && !sp_link_exists(self, other)) {
            continue;
        }
        (void)snprintf(full->texts[i], sizeof(full->texts[i]), "run/%s",
                       sp_service_name(other));
        if (mkdir(full->texts[i], 0700) != 0 && errno != EEXIST) {
            sp_refuse("%s: %s; check the owner of SP_STATE", full->texts[i],
                      strerror(errno));
        }
        add_path(full, full->texts[i], own ? SP_JAIL_SOCKETS : SP_JAIL_LIST);
    }
}

static void
add_tcp_ports(struct full_jail *full, enum sp_service_id self)
{
    full->jail.inet = true;
    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        enum sp_service_id other = (enum sp_service_id)i;

        if (sp_link_exists(self, other)) {
            full->connect_ports[full->jail.connect_port_count++] =
                sp_link_port(self, other);
        }
        if (sp_link_exists(other, self)) {
            full->bind_ports[full->jail.bind_port_count++] =
                sp_link_port(other, self);
        }
    }
}

static void
complete_jail(struct sp_runtime *rt, const struct sp_jail *own,
              struct full_jail *full)
{
    full->jail = *own;
    full->jail.path_count = 0;
    full->jail.connect_port_count = 0;
    full->jail.bind_port_count = 0;
    /* The directory, not its files: whoever replaces one makes a new inode. */
    add_path(full, rt->settings.config, SP_JAIL_READ);
    for (size_t i = 0; i < own->path_count; i++) {
        add_path(full, own->paths[i].path, own->paths[i].access);
        full->paths[full->jail.path_count - 1].optional =
            own->paths[i].optional;
    }
    if (own->connect_port_count + own->bind_port_count + 2 * SP_SERVICE_COUNT >
        MAX_PORTS) {
        sp_fatal("too_many_jail_ports", "max=%d", MAX_PORTS);
    }
    for (size_t i = 0; i < own->connect_port_count; i++) {
        full->connect_ports[full->jail.connect_port_count++] =
            own->connect_ports[i];
    }
    for (size_t i = 0; i < own->bind_port_count; i++) {
        full->bind_ports[full->jail.bind_port_count++] = own->bind_ports[i];
    }
    if (rt->settings.links_tcp) {
        add_tcp_ports(full, rt->service->id);
    } else {
        add_ipc_paths(full, rt->service->id);
    }
    full->jail.paths = full->paths;
    full->jail.connect_ports = full->connect_ports;
    full->jail.bind_ports = full->bind_ports;
}

/* `--jail-trial`: one line per forbidden thing; the exit status says whether
 * all were refused. */
static int
try_jail(const struct sp_jail *jail)
{
    struct sp_jail_trial trials[MAX_TRIALS];
    size_t count = sp_jail_try(jail, trials, MAX_TRIALS);
    int status = count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;

    for (size_t i = 0; i < count; i++) {
        (void)printf("%s\t%s\n", trials[i].name,
                     trials[i].refused ? "refused" : "ALLOWED");
        if (!trials[i].refused) {
            status = EXIT_FAILURE;
        }
    }
    return status;
}

/* --------------------------------------------------------------- messages */

static void
build_dispatch(struct sp_runtime *rt)
{
    size_t count = 0;
    const struct sp_route *routes = sp_route_all(&count);

    for (size_t i = 0; i < rt->service->handler_count; i++) {
        const struct sp_handler *handler = &rt->service->handlers[i];

        rt->dispatch[handler->message] = handler;
    }
    for (size_t i = 0; i < count; i++) {
        if (routes[i].to == rt->service->id &&
            rt->dispatch[routes[i].message] == NULL) {
            sp_fatal("message_without_handler", "message=%s",
                     sp_message_info(routes[i].message)->name);
        }
    }
}

static void
on_message(void *arg, const struct sp_msg *m)
{
    struct sp_runtime *rt = arg;

    rt->dispatch[m->id]->handle(rt->self, m);
}

static void
on_refused(void *arg, enum sp_service_id from, uint64_t message, int error)
{
    struct sp_runtime *rt = arg;
    char detail[128];
    const struct sp_occurrence what = {
        .kind = error == SP_EAUTH ? "link_refused" : "message_refused",
        .object = sp_view_of(sp_service_name(from)),
        .detail = detail,
    };

    (void)snprintf(detail, sizeof(detail), "from=%s message=%llu reason=\"%s\"",
                   sp_service_name(from), (unsigned long long)message,
                   sp_strerror(error));
    sp_runtime_trouble(rt, what.kind, "%s", detail);
    sp_runtime_event(rt, &what);
}

static void
on_peer(void *arg, enum sp_service_id service, struct sp_view name, bool up)
{
    struct sp_runtime *rt = arg;

    if (rt->service->peer != NULL) {
        rt->service->peer(rt->self, service, name, up);
    }
}

int
sp_runtime_send(struct sp_runtime *rt, enum sp_service_id to,
                enum sp_message_id id, const void *message,
                struct sp_place place)
{
    return sp_links_send(rt->links, to, id, message, place);
}

struct sp_view
sp_runtime_own_name(struct sp_runtime *rt)
{
    return sp_links_own_name(rt->links);
}

bool
sp_runtime_is_replica(struct sp_runtime *rt, struct sp_view name,
                      struct sp_view peer)
{
    return sp_links_is_replica(rt->links, name, peer);
}

/* ------------------------------------------------------ events and status */

static int
send_to_monitor(struct sp_runtime *rt, enum sp_message_id id,
                const void *message)
{
    const struct sp_place any = { .kind = SP_PLACE_ANY };

    return sp_links_send(rt->links, SP_SERVICE_MONITOR, id, message, any);
}

static int
send_event(void *arg, const struct sp_event *event)
{
    struct sp_runtime *rt = arg;

    if (rt->service->id == SP_SERVICE_MONITOR) {
        struct sp_msg own = { .id = SP_MSG_EVENT,
                              .from = SP_SERVICE_MONITOR,
                              .u.event = *event };

        rt->service->own_message(rt->self, &own);
        return 0;
    }
    return rt->links == NULL ? SP_ENOPEER
                             : send_to_monitor(rt, SP_MSG_EVENT, event);
}

static struct sp_view
clip(struct sp_view v, size_t max)
{
    return sp_view_make(v.ptr, v.len < max ? v.len : max);
}

static void
report_event(void *arg, const struct sp_occurrence *what)
{
    struct sp_runtime *rt = arg;
    struct sp_event event = {
        .boot = sp_view_make(rt->boot, sizeof(rt->boot)),
        .replica = clip(sp_view_of(rt->settings.replica), 64),
        .at_ms = (uint64_t)sp_clock_wall_ms(),
        .config = sp_view_of(rt->version),
        .kind = clip(sp_view_of(what->kind), 64),
        .request_id = clip(what->request_id, 16),
        .address = clip(what->address, 45),
        .subject = clip(what->subject, 256),
        .client = clip(what->client, 256),
        .object = clip(what->object, 256),
        .tenant = clip(what->tenant, 128),
        .trace = clip(what->trace, 64),
        .status = what->status < 600 ? what->status : 0,
        .duration_us =
            what->duration_us < SP_MAX_UINT ? what->duration_us : SP_MAX_UINT,
        .cost = what->cost < SP_MAX_UINT ? what->cost : SP_MAX_UINT,
        .detail = clip(sp_view_of(what->detail), 1024),
    };

    sp_spool_add(rt->spool, &event);
}

void
sp_runtime_event(struct sp_runtime *rt, const struct sp_occurrence *what)
{
    if (sp_event_cap_admits(rt->cap, what, sp_loop_now_ms(rt->loop))) {
        report_event(rt, what);
    }
}

void
sp_runtime_trouble(struct sp_runtime *rt, const char *event, const char *format,
                   ...)
{
    char text[TROUBLE_MAX + 1];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)snprintf(rt->trouble, sizeof(rt->trouble), "%s %.*s", event,
                   TROUBLE_MAX - 72, text);
    sp_log(SP_LOG_WARN, event, "%s", text);
}

static void
write_metrics(struct sp_runtime *rt)
{
    sp_buf_reset(&rt->metrics);
    (void)sp_buf_addf(&rt->metrics, "sallyport_messages_refused_total %llu\n",
                      (unsigned long long)sp_links_refused(rt->links));
    (void)sp_buf_addf(&rt->metrics, "sallyport_events_dropped_total %llu\n",
                      (unsigned long long)sp_spool_dropped(rt->spool));
    (void)sp_buf_addf(&rt->metrics, "sallyport_events_waiting %zu\n",
                      sp_spool_waiting(rt->spool));
    (void)sp_buf_addf(&rt->metrics,
                      "sallyport_config_reloads_total{result=\"taken\"} %llu\n"
                      "sallyport_config_reloads_total{result=\"refused\"} "
                      "%llu\n",
                      (unsigned long long)rt->reloaded,
                      (unsigned long long)rt->refused);
    if (rt->service->metrics != NULL) {
        rt->service->metrics(rt->self, &rt->metrics);
    }
}

/* As many whole lines as one message holds. */
static struct sp_view
cut_part(struct sp_view *rest)
{
    size_t len = rest->len;

    if (len > SP_MAX_STATUS_PART) {
        len = SP_MAX_STATUS_PART;
        while (len > 0 && rest->ptr[len - 1] != '\n') {
            len--;
        }
        len = len > 0 ? len : SP_MAX_STATUS_PART;
    }
    *rest = sp_view_skip(*rest, len);
    return sp_view_make(rest->ptr - len, len);
}

static void
send_part(struct sp_runtime *rt, const struct sp_msg *own)
{
    if (rt->service->id == SP_SERVICE_MONITOR) {
        rt->service->own_message(rt->self, own);
        return;
    }
    /* A snapshot that finds no monitor is worth nothing a second later. */
    (void)send_to_monitor(rt, SP_MSG_STATUS, &own->u.status);
}

static bool
is_ready(const struct sp_runtime *rt)
{
    return !rt->draining &&
           (rt->service->ready == NULL || rt->service->ready(rt->self));
}

static void
beat(const struct sp_runtime *rt, bool ready)
{
    struct sp_pulse pulse = { .state = ready ? SP_PULSE_READY : SP_PULSE_WAITS,
                              .reloads = rt->reloaded + rt->refused };

    (void)snprintf(pulse.version, sizeof(pulse.version), "%s", rt->version);
    (void)snprintf(pulse.refusal, sizeof(pulse.refusal), "%s", rt->refusal);
    sp_pulse_beat(rt->pulse, &pulse);
}

static void
send_status(struct sp_runtime *rt)
{
    struct sp_view rest = { 0 };
    struct sp_msg own = { .id = SP_MSG_STATUS, .from = rt->service->id };
    struct sp_status *status = &own.u.status;
    size_t in_flight =
        rt->service->in_flight != NULL ? rt->service->in_flight(rt->self) : 0;
    bool ready = is_ready(rt);

    beat(rt, ready);
    write_metrics(rt);
    rest = sp_buf_view(&rt->metrics);
    *status = (struct sp_status){
        .boot = sp_view_make(rt->boot, sizeof(rt->boot)),
        .replica = clip(sp_view_of(rt->settings.replica), 64),
        .pid = (uint64_t)getpid(),
        .ready = ready,
        .queue_depth = in_flight + sp_links_pending(rt->links),
        .last_error = sp_view_of(rt->trouble),
        .config = sp_view_of(rt->version),
        .config_error = sp_view_of(rt->refusal),
    };
    while (!status->last) {
        status->metrics = cut_part(&rest);
        status->last = rest.len == 0;
        send_part(rt, &own);
        status->part++;
    }
}

static void
on_status(void *arg)
{
    struct sp_runtime *rt = arg;

    sp_event_cap_tick(rt->cap, sp_loop_now_ms(rt->loop));
    sp_spool_flush(rt->spool);
    send_status(rt);
    sp_loop_start(rt->loop, &rt->status,
                  sp_spool_waiting(rt->spool) > 0 ? SPOOL_RETRY_MS : STATUS_MS);
}

/* ------------------------------------------------------------------ drain */

static void
on_drain(void *arg)
{
    struct sp_runtime *rt = arg;
    int64_t passed_ms = sp_loop_now_ms(rt->loop) - rt->drain_began_ms;
    size_t in_flight =
        rt->service->in_flight != NULL ? rt->service->in_flight(rt->self) : 0;

    /* The edge must be found until its last answer has come. */
    if (!rt->left && (rt->service->id != SP_SERVICE_EDGE || in_flight == 0)) {
        sp_links_leave(rt->links);
        rt->left = true;
    }
    if (!rt->work_closed && passed_ms >= LEAVE_MS) {
        sp_links_close_work(rt->links);
        rt->work_closed = true;
    }
    if ((passed_ms >= LEAVE_MS && in_flight == 0 &&
         sp_links_pending(rt->links) == 0) ||
        passed_ms >= rt->settings.drain_ms) {
        sp_loop_end(rt->loop);
        return;
    }
    sp_loop_start(rt->loop, &rt->drain, DRAIN_LOOK_MS);
}

static void
begin_drain(struct sp_runtime *rt)
{
    if (rt->draining) {
        sp_loop_end(rt->loop); /* asked twice: at once */
        return;
    }
    rt->draining = true;
    sp_event_cap_flush(rt->cap);
    rt->drain_began_ms = sp_loop_now_ms(rt->loop);
    sp_log(SP_LOG_INFO, "draining", "replica=%s", rt->settings.replica);
    if (rt->service->drain != NULL) {
        rt->service->drain(rt->self);
    }
    sp_loop_start(rt->loop, &rt->drain, 0);
}

/* ----------------------------------------------------------------- reload */

static int
read_version(const struct sp_runtime *rt,
             char ret_version[SP_CONFIG_VERSION_LEN + 1], struct sp_buf *why)
{
    return sp_config_version(rt->settings.config, rt->service->config_files,
                             ret_version, why);
}

static int
cross(const struct sp_runtime *rt, struct sp_buf *why)
{
    return sp_config_cross(rt->settings.config, rt->service->config_files, why);
}

/* What is in force is what the version stands for: files that change while they
 * are read are read again. */
static int
read_again(struct sp_runtime *rt, char ret_version[SP_CONFIG_VERSION_LEN + 1],
           struct sp_buf *why)
{
    char before[SP_CONFIG_VERSION_LEN + 1] = "";
    int error = read_version(rt, ret_version, why);

    for (int i = 0;
         error == 0 && i < RELOAD_TRIES && strcmp(before, ret_version) != 0;
         i++) {
        memcpy(before, ret_version, sizeof(before));
        error = cross(rt, why);
        if (error == 0) {
            error = rt->service->reload(rt->self, why);
        }
        if (error == 0) {
            error = read_version(rt, ret_version, why);
        }
    }
    return error;
}

static void
report_reloaded(struct sp_runtime *rt, const char *version)
{
    char detail[64];
    const struct sp_occurrence what = { .kind = "config_reloaded",
                                        .detail = detail };

    (void)snprintf(detail, sizeof(detail), "old=%s new=%s", rt->version,
                   version);
    (void)snprintf(rt->version, sizeof(rt->version), "%s", version);
    rt->reloaded++;
    rt->refusal[0] = '\0';
    sp_log(SP_LOG_INFO, what.kind, "%s", detail);
    sp_runtime_event(rt, &what);
}

static void
report_refused(struct sp_runtime *rt, struct sp_view why)
{
    char detail[SP_PULSE_REFUSAL_MAX + 16];
    const struct sp_occurrence what = { .kind = "config_refused",
                                        .detail = detail };

    sp_view_copy_text(rt->refusal, sizeof(rt->refusal), why);
    /* It stands in quotes, on one line, and quotes words of the file. */
    for (char *c = rt->refusal; *c != '\0'; c++) {
        *c = *c == '"' ? '\'' : (unsigned char)*c < ' ' ? ' ' : *c;
    }
    rt->refused++;
    (void)snprintf(detail, sizeof(detail), "reason=\"%s\"", rt->refusal);
    sp_runtime_trouble(rt, what.kind, "%s", detail);
    sp_runtime_event(rt, &what);
}

static void
reload(struct sp_runtime *rt)
{
    struct sp_buf why = sp_buf_new(WHY_MAX);
    char version[SP_CONFIG_VERSION_LEN + 1] = "";

    if (read_again(rt, version, &why) == 0) {
        report_reloaded(rt, version);
    } else {
        report_refused(rt, sp_buf_view(&why));
    }
    /* Whoever sent the signal waits for this. */
    beat(rt, is_ready(rt));
    sp_buf_free(&why);
}

static void
on_signal(void *arg, uint32_t events)
{
    struct sp_runtime *rt = arg;
    struct signalfd_siginfo info;

    (void)events;
    while (read(rt->signals.fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGHUP) {
            begin_drain(rt);
        } else if (!rt->draining) {
            reload(rt);
        }
    }
}

/* Signals come through the loop; blocked before any thread exists. */
static void
open_signals(struct sp_runtime *rt)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGPIPE);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        sp_fatal("sigprocmask", "errno=%d", errno);
    }
    (void)sigdelset(&set, SIGPIPE);
    rt->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    rt->signals.ready = on_signal;
    rt->signals.arg = rt;
    if (rt->signals.fd < 0 ||
        sp_loop_add(rt->loop, &rt->signals, EPOLLIN) != 0) {
        sp_fatal("signalfd", "errno=%d", errno);
    }
}

/* ------------------------------------------------------------------- main */

static void
open_links(struct sp_runtime *rt)
{
    const struct sp_link_events events = {
        .message = on_message, .refused = on_refused, .peer = on_peer, .arg = rt
    };
    int error = sp_links_open(rt->links, rt->loop, events);

    if (error == SP_EDUPLICATE) {
        sp_refuse("replica %s of this service runs already on this SP_STATE",
                  rt->settings.replica);
    }
    if (error != 0) {
        sp_refuse("cannot open the links: %s, %s", sp_strerror(error),
                  strerror(errno));
    }
}

static void
serve(struct sp_runtime *rt)
{
    static const struct sp_occurrence started = { .kind = "process_started" };

    build_dispatch(rt);
    open_links(rt);
    sp_links_hook(rt->links, SP_LINKS_RECEIVE);
    rt->status = (struct sp_timer){ .expired = on_status, .arg = rt };
    rt->drain = (struct sp_timer){ .expired = on_drain, .arg = rt };
    if (rt->service->in_jail != NULL) {
        rt->service->in_jail(rt, rt->self);
    }
    sp_links_hook(rt->links, SP_LINKS_FLUSH);
    sp_runtime_event(rt, &started);
    if (rt->changed) {
        reload(rt);
    }
    sp_loop_start(rt->loop, &rt->status, SPOOL_RETRY_MS);
    sp_log(SP_LOG_INFO, "serving", "replica=%s pid=%d", rt->settings.replica,
           (int)getpid());
    sp_loop_run(rt->loop);
}

/* The version is that of the files before they were loaded, and after it. */
static void
load(struct sp_runtime *rt, struct sp_jail *jail)
{
    struct sp_buf why = sp_buf_new(WHY_MAX);
    char after[SP_CONFIG_VERSION_LEN + 1] = "";

    if (read_version(rt, rt->version, &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    rt->service->before_jail(rt, rt->self, jail);
    if (cross(rt, &why) != 0 || read_version(rt, after, &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    rt->changed = strcmp(rt->version, after) != 0;
    sp_buf_free(&why);
}

/* Everything up to the closed jail; the result is the exit status, or -1 to
 * go on and serve. */
static int
prepare(struct sp_runtime *rt)
{
    struct sp_jail own = { 0 };
    struct full_jail full = { 0 };
    const char *why = NULL;

    rt->links = sp_links_new(rt->service->id, &rt->settings);
    if (rt->links == NULL) {
        sp_refuse("cannot start the resolver helper; allow this user one more "
                  "process");
    }
    load(rt, &own);
    if (rt->mode == MODE_CHECK) {
        return EXIT_SUCCESS;
    }
    if (sp_links_prepare(rt->links, &why) != 0) {
        sp_refuse("%s", why);
    }
    complete_jail(rt, &own, &full);
    if (rt->mode == MODE_JAIL_TRIAL) {
        return try_jail(&full.jail);
    }
    rt->pulse =
        sp_pulse_open(sp_service_name(rt->service->id), rt->settings.replica);
    if (rt->pulse < 0) {
        sp_refuse("run/%s/%s.pulse: %s; check the owner of SP_STATE",
                  sp_service_name(rt->service->id), rt->settings.replica,
                  strerror(errno));
    }
    if (sp_jail_close(&full.jail, &why) != 0) {
        sp_refuse("cannot close the jail: %s (%s)", why, strerror(errno));
    }
    return -1;
}

int
sp_service_main(const struct sp_service *service, void *self, int argc,
                char **argv)
{
    struct sp_runtime rt = { .service = service, .self = self, .pulse = -1 };
    const char *replica = NULL;
    int status = 0;

    sp_log_open(sp_service_name(service->id), SP_LOG_INFO);
    (void)umask(077);
    if (sodium_init() < 0) {
        sp_fatal("sodium_init", "status=-1");
    }
    read_options(&rt, argc, argv, &replica);
    load_settings(&rt, replica);
    randombytes_buf(rt.boot, sizeof(rt.boot));
    rt.metrics = sp_buf_new(METRICS_MAX);
    rt.spool = sp_spool_new((struct sp_spool_sink){ send_event, &rt });
    rt.cap = sp_event_cap_new((struct sp_event_cap_sink){ report_event, &rt });
    rt.loop = sp_loop_new();
    open_signals(&rt);
    status = prepare(&rt);
    if (status < 0) {
        serve(&rt);
        status = EXIT_SUCCESS;
    }
    if (service->fini != NULL) {
        service->fini(self);
    }
    sp_links_free(&rt.links);
    sp_spool_free(&rt.spool);
    sp_event_cap_free(&rt.cap);
    (void)close(rt.signals.fd);
    (void)close(rt.pulse);
    sp_loop_free(&rt.loop);
    sp_buf_free(&rt.metrics);
    sp_settings_free(&rt.settings);
    return status;
}

struct sp_loop *
sp_runtime_loop(struct sp_runtime *rt)
{
    return rt->loop;
}

const struct sp_settings *
sp_runtime_settings(struct sp_runtime *rt)
{
    return &rt->settings;
}

static char *
path_below(const char *top, struct sp_runtime *rt, const char *name)
{
    struct sp_buf path = sp_buf_new(PATH_MAX);
    char *copy = NULL;

    (void)sp_buf_addf(&path, "%s/%s/%s", top, sp_service_name(rt->service->id),
                      name);
    copy = sp_dup_view(sp_buf_view(&path));
    sp_buf_free(&path);
    return copy;
}

char *
sp_runtime_key_path(struct sp_runtime *rt, const char *name)
{
    return path_below("keys", rt, name);
}

char *
sp_runtime_store_path(struct sp_runtime *rt, const char *name)
{
    char *path = path_below("store", rt, name);
    char *slash = strrchr(path, '/');
    char real[PATH_MAX];
    struct stat st;
    struct sp_buf whole = sp_buf_new(2 * PATH_MAX);

    /* SQLite refuses a link anywhere in a path; the directory may be one. */
    *slash = '\0';
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) &&
        realpath(path, real) != NULL) {
        (void)sp_buf_addf(&whole, "%s/%s", real, slash + 1);
        sp_free(path);
        path = sp_dup_view(sp_buf_view(&whole));
    } else {
        *slash = '/';
    }
    sp_buf_free(&whole);
    return path;
}
