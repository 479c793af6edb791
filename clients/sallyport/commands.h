/* The commands: each gets its arguments without the command's name, and gives
 * the exit status. */
#ifndef SP_CLIENTS_SALLYPORT_COMMANDS_H
#define SP_CLIENTS_SALLYPORT_COMMANDS_H

#define COMMANDS(C)                                                            \
    C(init, "init", "[--split DIR | --system]",                                \
      "make what is missing of keys and certificates")                         \
    C(run, "run", "[SERVICE=N ...]", "start the gate, serve until Ctrl-C")     \
    C(stop, "stop", "", "stop the gate that run started")                      \
    C(status, "status", "[--json]", "list the replicas and how they are")      \
    C(scale, "scale", "SERVICE=N ...", "change the number of replicas")        \
    C(reload, "reload", "",                                                    \
      "check the configuration and have every process read it again")          \
    C(restart, "restart", "[SERVICE ...]",                                     \
      "start every process anew, one after the other, without a stop")         \
    C(client, "client",                                                        \
      "add NAME --scope \"a b\" | rotate NAME | remove NAME "                  \
      "| list",                                                                \
      "who may ask for tokens")                                                \
    C(token, "token", "[--client NAME] [--scope \"a b\"] [--compose]",         \
      "print an access token")                                                 \
    C(call, "call",                                                            \
      "[--client NAME] [--scope \"a b\"] [--compose] TOOL [KEY=TEXT | "        \
      "KEY:=JSON]",                                                            \
      "call a tool and print its result")                                      \
    C(check_config, "check-config", "", "check every configuration file")      \
    C(doctor, "doctor", "", "try jails, keys, ports and links")                \
    C(health, "health", "SERVICE",                                             \
      "exit 0 where this host's replica is alive and ready")                   \
    C(schema, "schema", "", "print the table of all messages")                 \
    C(audit, "audit", "verify [FILE]", "check the audit chain")

#define COMMAND_DECLARE(symbol, name, arguments, meaning)                      \
    int command_##symbol(int argc, char **argv);
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

#endif
