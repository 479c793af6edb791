/* The resolver helper: a child that only asks the system's resolver. */
#include "common/process/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/error.h"
#include "common/process/helper.h"
#include "common/process/jail.h"

/* The longest name that DNS knows, 253 characters (RFC 1035 section 2.3.4). */
#define NAME_MAX_BYTES 256

struct question {
    uint32_t tag;
    char name[NAME_MAX_BYTES];
};

static void
look_up(void *asked, void *answered)
{
    struct question *question = asked;
    struct sp_resolved *answer = answered;
    struct addrinfo hints = { .ai_family = AF_INET,
                              .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int error = 0;

    question->name[sizeof(question->name) - 1] = '\0';
    answer->tag = question->tag;
    answer->count = 0;
    error = getaddrinfo(question->name, NULL, &hints, &found);
    answer->failed = error != 0 && error != EAI_NONAME && error != EAI_NODATA;
    if (error != 0) {
        return;
    }
    for (const struct addrinfo *at = found;
         at != NULL && answer->count < SP_RESOLVER_MAX; at = at->ai_next) {
        struct sockaddr_in address;

        memcpy(&address, at->ai_addr, sizeof(address));
        memcpy(answer->address[answer->count++], &address.sin_addr, 4);
    }
    freeaddrinfo(found);
}

/* Loads the resolver's plug-ins while files can still be opened. */
static void
load_plug_ins(void)
{
    struct question question = { .name = "localhost" };
    struct sp_resolved answer;

    look_up(&question, &answer);
}

int
sp_resolver_start(struct sp_helper **ret_resolver)
{
    static const struct sp_jail_path paths[] = {
        { "/etc", SP_JAIL_READ, true },
        { "/run/systemd/resolve", SP_JAIL_READ, true },
        { "/usr/lib", SP_JAIL_READ, true },
        { "/lib", SP_JAIL_READ, true },
    };
    static const uint16_t dns_port[] = { 53 };
    const struct sp_jail jail = {
        .paths = paths,
        .path_count = SP_COUNT(paths),
        .inet = true,
        .datagrams = true,
        .connect_ports = dns_port,
        .connect_port_count = SP_COUNT(dns_port),
    };
    const struct sp_helper_work work = {
        .name = "resolver",
        .jail = &jail,
        .question_size = sizeof(struct question),
        .answer_size = sizeof(struct sp_resolved),
        .prepare = load_plug_ins,
        .answer = look_up,
    };

    return sp_helper_start(&work, ret_resolver);
}

int
sp_resolver_ask(struct sp_helper *resolver, uint32_t tag, const char *name)
{
    struct question question = { .tag = tag };
    size_t len = strlen(name);

    if (len >= sizeof(question.name)) {
        return SP_ELIMIT;
    }
    memcpy(question.name, name, len);
    return sp_helper_ask(resolver, &question);
}

int
sp_resolver_take(struct sp_helper *resolver, struct sp_resolved *ret_answer)
{
    int error = sp_helper_take(resolver, ret_answer);

    return error == 0 && ret_answer->count > SP_RESOLVER_MAX ? SP_ESYSTEM
                                                             : error;
}
