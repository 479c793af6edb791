/* Attacks on the links: every from/to pair and every message that the schema
 * does not have, wrong and foreign secrets, garbage. Generated from the
 * tables, on real sockets. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>
#include <zmq.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/link/link.h"
#include "common/link/link_keys.h"
#include "proto/codec.h"

#define PATIENCE_MS 5000

struct gate {
    char directory[64];
    char before[512];
};

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fchmod(fileno(file), 0600), 0);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static void
make_directory(const char *path)
{
    cr_assert_eq(mkdir(path, 0700), 0, "%s", path);
}

/* The secret of a link in this test's state directory. */
static void
secret_of(enum sp_service_id from, enum sp_service_id to, char text[65])
{
    (void)snprintf(text, 65, "%032d%032d", (int)from + 1, (int)to + 1);
}

static void
write_link_secret(enum sp_service_id owner, enum sp_service_id from,
                  enum sp_service_id to)
{
    char path[128];
    char secret[65];

    secret_of(from, to, secret);
    (void)snprintf(path, sizeof(path), "keys/%s/links/%s-%s",
                   sp_service_name(owner), sp_service_name(from),
                   sp_service_name(to));
    write_file(path, secret);
}

/* A state directory with the keys of all links; the test works inside it. */
static struct gate
gate_new(void)
{
    struct gate gate = { .directory = "/tmp/sallyport-links-XXXXXX" };
    char path[128];

    cr_assert_not_null(getcwd(gate.before, sizeof(gate.before)));
    cr_assert_not_null(mkdtemp(gate.directory));
    cr_assert_eq(chdir(gate.directory), 0);
    make_directory("keys");
    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        (void)snprintf(path, sizeof(path), "keys/%s",
                       sp_service_name((enum sp_service_id)i));
        make_directory(path);
        (void)snprintf(path, sizeof(path), "keys/%s/links",
                       sp_service_name((enum sp_service_id)i));
        make_directory(path);
    }
    for (int from = 0; from < SP_SERVICE_COUNT; from++) {
        for (int to = 0; to < SP_SERVICE_COUNT; to++) {
            enum sp_service_id f = (enum sp_service_id)from;
            enum sp_service_id t = (enum sp_service_id)to;

            if (sp_link_exists(f, t)) {
                write_link_secret(f, f, t);
                write_link_secret(t, f, t);
            }
        }
    }
    return gate;
}

static void
remove_tree(const char *path)
{
    pid_t child = fork();

    if (child == 0) {
        (void)execlp("rm", "rm", "-rf", path, (char *)NULL);
        _exit(127);
    }
}

static void
gate_free(struct gate *gate)
{
    cr_assert_eq(chdir(gate->before), 0);
    remove_tree(gate->directory);
}

/* One end of links, and what it saw. */
struct end {
    struct sp_links *links;
    struct sp_loop *loop;
    size_t messages;
    enum sp_service_id last_from;
    enum sp_message_id last_id;
    size_t refused;
    int last_error;
    size_t ups;
    size_t stop_at; /* messages plus refusals */
};

static void
look(struct end *end)
{
    if (end->stop_at > 0 && end->messages + end->refused >= end->stop_at) {
        sp_loop_end(end->loop);
    }
}

static void
on_message(void *arg, const struct sp_msg *m)
{
    struct end *end = arg;

    end->messages++;
    end->last_from = m->from;
    end->last_id = m->id;
    look(end);
}

static void
on_refused(void *arg, enum sp_service_id from, uint64_t message, int error)
{
    struct end *end = arg;

    (void)message;
    end->refused++;
    end->last_from = from;
    end->last_error = error;
    look(end);
}

static void
on_peer(void *arg, enum sp_service_id service, struct sp_view name, bool up)
{
    struct end *end = arg;

    (void)service;
    (void)name;
    end->ups += up ? 1 : 0;
}

static void
end_open(struct end *end, enum sp_service_id self, struct sp_loop *loop)
{
    struct sp_settings settings = { .replica = sp_dup("0") };
    const struct sp_link_events events = { on_message, on_refused, on_peer,
                                           end };
    const char *why = "";

    end->loop = loop;
    end->links = sp_links_new(self, &settings);
    cr_assert_eq(sp_links_prepare(end->links, &why), 0, "%s", why);
    cr_assert_eq(sp_links_open(end->links, loop, events), 0);
    sp_links_hook(end->links, SP_LINKS_RECEIVE);
    sp_links_hook(end->links, SP_LINKS_FLUSH);
    sp_free(settings.replica);
}

static void
on_patience(void *arg)
{
    cr_assert_fail("nothing came in time");
    sp_loop_end(arg);
}

static void
run(struct sp_loop *loop)
{
    struct sp_timer patience = { .expired = on_patience, .arg = loop };

    sp_loop_start(loop, &patience, PATIENCE_MS);
    sp_loop_run(loop);
    sp_loop_stop(loop, &patience);
}

/* A raw PUSH socket with credentials of the attacker's choice. */
struct attacker {
    void *context;
    void *push;
};

static struct attacker
attacker_new(const char *path, const char *name, const char *password)
{
    struct attacker attacker = { .context = zmq_ctx_new() };
    char endpoint[128];
    int linger = 0;

    (void)snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
    attacker.push = zmq_socket(attacker.context, ZMQ_PUSH);
    (void)zmq_setsockopt(attacker.push, ZMQ_LINGER, &linger, sizeof(linger));
    if (name != NULL) {
        (void)zmq_setsockopt(attacker.push, ZMQ_PLAIN_USERNAME, name,
                             strlen(name));
        (void)zmq_setsockopt(attacker.push, ZMQ_PLAIN_PASSWORD, password,
                             strlen(password));
    }
    cr_assert_eq(zmq_connect(attacker.push, endpoint), 0);
    return attacker;
}

static void
attacker_free(struct attacker *attacker)
{
    (void)zmq_close(attacker->push);
    (void)zmq_ctx_term(attacker->context);
}

/* An envelope of message `info` with every field at its minimum. */
static struct sp_buf
smallest(const struct sp_message_info *info)
{
    static const char bytes[64] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct sp_buf out = sp_buf_new(SP_MAX_ENVELOPE);
    struct sp_msg message = { 0 };

    for (size_t i = 0; i < info->field_count; i++) {
        void *member = (char *)&message.u + info->fields[i].offset;

        if (info->fields[i].type == SP_FIELD_UINT) {
            *(uint64_t *)member = info->fields[i].min;
        } else if (info->fields[i].type != SP_FIELD_BOOL) {
            *(struct sp_view *)member =
                sp_view_make(bytes, info->fields[i].min);
        }
    }
    cr_assert_eq(sp_encode(&out, info->id, &message.u), 0);
    return out;
}

/* Who may say what: for each service and each of its neighbours' sockets, all
 * messages with the right secret. What the schema routes arrives, everything
 * else is refused and counted. */
static void
try_all_messages(enum sp_service_id from, enum sp_service_id to)
{
    struct sp_loop *loop = sp_loop_new();
    struct end receiver = { 0 };
    struct attacker attacker;
    char path[64];
    char secret[65];
    size_t count = 0;
    size_t allowed = 0;
    const struct sp_message_info *infos = sp_message_all(&count);

    end_open(&receiver, to, loop);
    secret_of(from, to, secret);
    (void)snprintf(path, sizeof(path), "run/%s/%s.0", sp_service_name(to),
                   sp_service_name(from));
    attacker = attacker_new(path, sp_service_name(from), secret);
    for (size_t i = 0; i < count; i++) {
        struct sp_buf frame = smallest(&infos[i]);

        cr_assert_geq(zmq_send(attacker.push, frame.data, frame.len, 0), 0);
        sp_buf_free(&frame);
        allowed += sp_route_exists((uint64_t)infos[i].id, from, to) ? 1 : 0;
    }
    receiver.stop_at = count;
    run(loop);
    cr_assert_eq(receiver.messages, allowed, "%s", path);
    cr_assert_eq(receiver.refused, count - allowed, "%s", path);
    cr_assert_eq(sp_links_refused(receiver.links), count - allowed);
    attacker_free(&attacker);
    sp_links_free(&receiver.links);
    sp_loop_free(&loop);
}

Test(links, refuse_every_message_that_the_schema_does_not_route)
{
    struct gate gate = gate_new();

    for (int from = 0; from < SP_SERVICE_COUNT; from++) {
        for (int to = 0; to < SP_SERVICE_COUNT; to++) {
            if (sp_link_exists((enum sp_service_id)from,
                               (enum sp_service_id)to)) {
                try_all_messages((enum sp_service_id)from,
                                 (enum sp_service_id)to);
            }
        }
    }
    gate_free(&gate);
}

/* Where the schema has no link there is no socket and no secret. */
Test(links, have_no_socket_where_the_schema_has_no_link)
{
    struct gate gate = gate_new();

    for (int to = 0; to < SP_SERVICE_COUNT; to++) {
        struct sp_loop *loop = sp_loop_new();
        struct end receiver = { 0 };

        end_open(&receiver, (enum sp_service_id)to, loop);
        for (int from = 0; from < SP_SERVICE_COUNT; from++) {
            char path[64];

            (void)snprintf(path, sizeof(path), "run/%s/%s.0",
                           sp_service_name((enum sp_service_id)to),
                           sp_service_name((enum sp_service_id)from));
            cr_assert_eq(access(path, F_OK) == 0,
                         sp_link_exists((enum sp_service_id)from,
                                        (enum sp_service_id)to),
                         "%s", path);
        }
        sp_links_free(&receiver.links);
        sp_loop_free(&loop);
    }
    gate_free(&gate);
}

/* Which credentials open which door: for each receiver and each of its sockets,
 * every name with every secret of the whole system. Exactly one pair fits. */
Test(links, admit_exactly_the_one_sender_that_a_socket_is_for)
{
    struct gate gate = gate_new();
    char secret[65];

    for (int self = 0; self < SP_SERVICE_COUNT; self++) {
        enum sp_service_id to = (enum sp_service_id)self;
        struct sp_link_keys *keys = NULL;
        const char *why = "";

        cr_assert_eq(sp_link_keys_load(to, false, &keys, &why), 0, "%s", why);
        for (int n = 0; n < SP_SERVICE_COUNT * SP_SERVICE_COUNT; n++) {
            enum sp_service_id domain =
                (enum sp_service_id)(n % SP_SERVICE_COUNT);
            enum sp_service_id name =
                (enum sp_service_id)(n / SP_SERVICE_COUNT);

            for (int s = 0; s < SP_SERVICE_COUNT * SP_SERVICE_COUNT; s++) {
                enum sp_service_id a =
                    (enum sp_service_id)(s / SP_SERVICE_COUNT);
                enum sp_service_id b =
                    (enum sp_service_id)(s % SP_SERVICE_COUNT);
                bool want = sp_link_exists(domain, to) && name == domain &&
                            a == domain && b == to;

                secret_of(a, b, secret);
                cr_assert_eq(sp_link_keys_admit(
                                 keys, sp_view_of(sp_service_name(domain)),
                                 sp_view_of("PLAIN"),
                                 sp_view_of(sp_service_name(name)),
                                 sp_view_of(secret)),
                             want);
            }
        }
        sp_link_keys_free(&keys);
    }
    gate_free(&gate);
}

/* A peer without any mechanism is cut off by libzmq before ZAP is asked: only
 * the friend's message, sent later, arrives. */
Test(links, turn_away_peers_without_credentials)
{
    struct gate gate = gate_new();
    struct sp_loop *loop = sp_loop_new();
    struct end receiver = { .stop_at = 1 };
    struct sp_buf cancel = smallest(sp_message_info(SP_MSG_CANCEL));
    struct sp_buf probe = smallest(sp_message_info(SP_MSG_PROBE));
    struct attacker stranger;
    struct attacker friend;
    char secret[65];

    end_open(&receiver, SP_SERVICE_AUTH, loop);
    stranger = attacker_new("run/auth/edge.0", NULL, NULL);
    cr_assert_geq(zmq_send(stranger.push, cancel.data, cancel.len, 0), 0);
    secret_of(SP_SERVICE_EDGE, SP_SERVICE_AUTH, secret);
    friend = attacker_new("run/auth/edge.0", "edge", secret);
    cr_assert_geq(zmq_send(friend.push, probe.data, probe.len, 0), 0);
    run(loop);
    cr_assert_eq(receiver.messages, 1);
    cr_assert_eq(receiver.last_id, SP_MSG_PROBE);
    attacker_free(&stranger);
    attacker_free(&friend);
    sp_buf_free(&cancel);
    sp_buf_free(&probe);
    sp_links_free(&receiver.links);
    sp_loop_free(&loop);
    gate_free(&gate);
}

Test(links, turn_away_strangers_on_the_wire)
{
    static const struct {
        const char *label;
        const char *name;
        const char *password;
    } rows[] = {
        { "wrong password", "edge", "guess" },
        { "empty password", "edge", "" },
        { "another's name", "tools", "guess" },
    };
    struct gate gate = gate_new();

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_loop *loop = sp_loop_new();
        struct end receiver = { .stop_at = 1 };
        struct attacker attacker;
        struct sp_buf frame = smallest(sp_message_info(SP_MSG_PROBE));

        end_open(&receiver, SP_SERVICE_AUTH, loop);
        attacker =
            attacker_new("run/auth/edge.0", rows[i].name, rows[i].password);
        cr_assert_geq(zmq_send(attacker.push, frame.data, frame.len, 0), 0);
        run(loop); /* the refusal itself is the event */
        cr_assert_eq(receiver.last_error, SP_EAUTH, "%s", rows[i].label);
        cr_assert_eq(receiver.messages, 0, "%s", rows[i].label);
        sp_buf_free(&frame);
        attacker_free(&attacker);
        sp_links_free(&receiver.links);
        sp_loop_free(&loop);
    }
    gate_free(&gate);
}

/* Garbage from a neighbour that has the right secret: refused, and the link
 * goes on. */
Test(links, survive_garbage)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        { "", 1 },
        { "\xff\xff\xff\xff", 4 },
        { "\0\0\0\x05\xdd\xff\xff\xff\xff", 9 },
        { "\0\0\0\x01\xc1\0\0\0\x01\xc1", 10 },
    };
    struct gate gate = gate_new();
    struct sp_loop *loop = sp_loop_new();
    struct end receiver = { 0 };
    struct attacker attacker;
    struct sp_buf frame = smallest(sp_message_info(SP_MSG_PROBE));
    char secret[65];

    end_open(&receiver, SP_SERVICE_AUTH, loop);
    secret_of(SP_SERVICE_EDGE, SP_SERVICE_AUTH, secret);
    attacker = attacker_new("run/auth/edge.0", "edge", secret);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_assert_geq(zmq_send(attacker.push, rows[i].bytes, rows[i].len, 0),
                      0);
    }
    cr_assert_geq(zmq_send(attacker.push, frame.data, frame.len, 0), 0);
    receiver.stop_at = 6; /* the last garbage holds two bad envelopes */
    run(loop);
    cr_assert_eq(receiver.refused, 5);
    cr_assert_eq(receiver.messages, 1);
    cr_assert_eq(receiver.last_id, SP_MSG_PROBE);
    attacker_free(&attacker);
    sp_buf_free(&frame);
    sp_links_free(&receiver.links);
    sp_loop_free(&loop);
    gate_free(&gate);
}

/* Two processes cannot be the same replica: whoever comes second is refused,
 * rather than stealing the first one's mail. */
Test(links, second_process_of_the_same_name_is_refused)
{
    struct gate gate = gate_new();
    struct sp_loop *loop = sp_loop_new();
    struct end first = { 0 };
    struct sp_links *second = NULL;
    struct sp_settings settings = { .replica = sp_dup("0") };
    const struct sp_link_events events = { on_message, on_refused, on_peer,
                                           &first };
    const char *why = "";

    end_open(&first, SP_SERVICE_AUTH, loop);
    second = sp_links_new(SP_SERVICE_AUTH, &settings);
    cr_assert_eq(sp_links_prepare(second, &why), 0);
    cr_assert_eq(sp_links_open(second, loop, events), SP_EDUPLICATE);
    sp_links_free(&second);
    sp_links_free(&first.links);
    sp_free(settings.replica);
    sp_loop_free(&loop);
    gate_free(&gate);
}

/* A frame of a captured neighbour with more envelopes than any sender gathers:
 * what is too much is not looked at, and is one refusal. */
Test(links, look_at_no_more_envelopes_than_a_frame_may_hold)
{
    struct gate gate = gate_new();
    struct sp_loop *loop = sp_loop_new();
    struct end receiver = { .stop_at = SP_FRAME_ENVELOPES + 2 };
    struct attacker attacker;
    struct sp_buf probe = smallest(sp_message_info(SP_MSG_PROBE));
    char *bomb = sp_alloc(SP_MAX_ENVELOPE); /* zeros: empty envelopes */
    char secret[65];

    end_open(&receiver, SP_SERVICE_AUTH, loop);
    secret_of(SP_SERVICE_EDGE, SP_SERVICE_AUTH, secret);
    attacker = attacker_new("run/auth/edge.0", "edge", secret);
    cr_assert_geq(zmq_send(attacker.push, bomb, SP_MAX_ENVELOPE, 0), 0);
    cr_assert_geq(zmq_send(attacker.push, probe.data, probe.len, 0), 0);
    run(loop);
    cr_assert_eq(receiver.refused, SP_FRAME_ENVELOPES + 1);
    cr_assert_eq(receiver.last_error, SP_ELIMIT);
    cr_assert_eq(receiver.messages, 1);
    attacker_free(&attacker);
    sp_buf_free(&probe);
    sp_free(bomb);
    sp_links_free(&receiver.links);
    sp_loop_free(&loop);
    gate_free(&gate);
}

/* auth's CURVE keys; its neighbours have keys that nobody here knows. */
static struct sp_link_keys *
curve_keys_new(char public_text[41])
{
    static const char *const peers[] = { "edge", "validation", "monitor" };
    struct sp_link_keys *keys = NULL;
    const char *why = "";
    char secret[41];
    char other[41];
    char path[128];

    cr_assert_eq(zmq_curve_keypair(public_text, secret), 0);
    write_file("keys/auth/curve.secret", secret);
    write_file("keys/auth/curve.public", public_text);
    make_directory("keys/auth/peers");
    for (size_t i = 0; i < SP_COUNT(peers); i++) {
        cr_assert_eq(zmq_curve_keypair(other, secret), 0);
        (void)snprintf(path, sizeof(path), "keys/auth/peers/%s.public",
                       peers[i]);
        write_file(path, other);
    }
    cr_assert_eq(sp_link_keys_load(SP_SERVICE_AUTH, true, &keys, &why), 0, "%s",
                 why);
    return keys;
}

/* How the handshake of a stranger with a key of its own ends. */
static uint16_t
stranger_outcome(void *context, const char *endpoint, const char *server)
{
    char public_text[41];
    char secret[41];
    int patience_ms = PATIENCE_MS;
    uint16_t event = 0;
    void *push = zmq_socket(context, ZMQ_PUSH);
    void *news = zmq_socket(context, ZMQ_PAIR);

    cr_assert_eq(zmq_curve_keypair(public_text, secret), 0);
    cr_assert_eq(zmq_setsockopt(push, ZMQ_CURVE_SERVERKEY, server, 40), 0);
    cr_assert_eq(zmq_setsockopt(push, ZMQ_CURVE_PUBLICKEY, public_text, 40), 0);
    cr_assert_eq(zmq_setsockopt(push, ZMQ_CURVE_SECRETKEY, secret, 40), 0);
    cr_assert_eq(
        zmq_setsockopt(news, ZMQ_RCVTIMEO, &patience_ms, sizeof(patience_ms)),
        0);
    cr_assert_eq(zmq_socket_monitor(push, "inproc://stranger",
                                    ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                                        ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                                        ZMQ_EVENT_DISCONNECTED),
                 0);
    cr_assert_eq(zmq_connect(news, "inproc://stranger"), 0);
    cr_assert_eq(zmq_connect(push, endpoint), 0);
    cr_assert_geq(zmq_recv(news, &event, sizeof(event), 0), 2);
    (void)zmq_socket_monitor(push, NULL, 0);
    (void)zmq_close(news);
    (void)zmq_close(push);
    return event;
}

/* The handler is there before the sockets and goes after them, but a door must
 * not depend on that. */
Test(links, admit_nobody_while_no_handler_can_be_asked)
{
    struct gate gate = gate_new();
    char server[41];
    struct sp_link_keys *keys = curve_keys_new(server);
    void *context = zmq_ctx_new();
    void *pull = zmq_socket(context, ZMQ_PULL);
    char endpoint[128];
    size_t len = sizeof(endpoint);

    cr_assert_eq(sp_link_keys_server(keys, pull, SP_SERVICE_EDGE), 0);
    cr_assert_eq(zmq_bind(pull, "tcp://127.0.0.1:*"), 0);
    cr_assert_eq(zmq_getsockopt(pull, ZMQ_LAST_ENDPOINT, endpoint, &len), 0);
    cr_assert_neq(stranger_outcome(context, endpoint, server),
                  ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    (void)zmq_close(pull);
    (void)zmq_ctx_term(context);
    sp_link_keys_free(&keys);
    gate_free(&gate);
}
