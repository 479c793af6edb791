"""The stack of docker-compose.yml: the same gate from images. Each test talks
to it by its published port, on a project of its own that goes away at the
end."""

import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

from gate import eventually, free_port  # noqa: E402
from upstream import Upstream  # noqa: E402

STAGES = ["edge", "auth", "validation", "ratelimit", "tools", "llm", "monitor"]
SCALE = ["--scale", "validation=3", "--scale", "tools=2"]
CONTAINERS = {**dict.fromkeys(STAGES, 1), "redis": 1, "validation": 3,
              "tools": 2}
OPEN = ["front", "metrics", "egress"]  # networks that are no link

# Who sends to whom, from the schema; the port is the receiver's, as in
# common/link/link_receive.c.
ROUTES = sorted(set(
    (a.lower(), b.lower()) for a, b in re.findall(
        r"R\(\w+, (\w+), (\w+)\)",
        (ROOT / "proto" / "schema.h").read_text().partition(
            "#define SP_ROUTES(R)")[2])))
LINKED = {frozenset(pair) for pair in ROUTES} | {
    frozenset(("ratelimit", "redis"))}

CONFIG = sorted(path.name for path in (ROOT / "deploy" / "config").iterdir())

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
CALL = {
    "jsonrpc": "2.0", "id": 7, "method": "tools/call",
    "params": {"name": "get_customer_info",
               "arguments": {"customer_id": "ABC12345"}, "_meta": META},
}
CALL_HEADERS = {"MCP-Protocol-Version": "2026-07-28",
                "Mcp-Method": "tools/call", "Mcp-Name": "get_customer_info"}
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}

# Prints those of its arguments, ADDRESS/PORT, where somebody says something:
# links and the tests' listeners do at once, Redis when it is spoken to. That a
# connection comes about proves nothing on a network with a proxy.
# A dozen at a time: the containers have room for 64 processes.
REACH = """
for target in "$@"; do
    [ $((n = n + 1)) -le 12 ] || { wait; n=1; }
    timeout 3 bash -c 'exec 3<>"/dev/tcp/$0" || exit
        [ "${0#*/}" != 6379 ] || echo PING >&3
        [ "$(head -c 1 <&3 | wc -c)" = 0 ] || echo "$0"' "$target" &
done 2>/dev/null
wait
"""


def link_port(sender, receiver):
    """The order of the services is the one of proto/schema.h."""
    return 5600 + STAGES.index(receiver) * len(STAGES) + STAGES.index(sender)


class Stack:
    def __init__(self, home):
        self.home = home
        self.project = f"sallyport-test-{os.getpid()}"
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        self.metrics = f"http://127.0.0.1:{free_port()}"
        self.ca = str(home / "ca.pem")
        self.environment = {
            **{name: value for name, value in os.environ.items()
               if not name.startswith("SP_")},
            "COMPOSE_PROJECT_NAME": self.project,
            "SP_URL": self.url,
            "SP_LISTEN": f"127.0.0.1:{self.port}",
            "SP_METRICS_LISTEN": self.metrics.partition("//")[2],
            "GATE_NET": "10.214",
        }

    def run(self, *command, check=True, seconds=300, **options):
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, text=True,
            capture_output=True, timeout=seconds, **options)
        assert not check or done.returncode == 0, (
            done.stdout[-3000:] + done.stderr[-3000:])
        return done

    def compose(self, *command, **options):
        return self.run("docker", "compose", *command, **options)

    def up(self, *scale):
        self.compose("up", "-d", "--wait", *(scale or SCALE))

    def inside(self, service, *command, **options):
        return self.run("docker", "exec", self.containers(service)[0],
                        *command, **options)

    def containers(self, service):
        label = "label=com.docker.compose."
        return self.run(
            "docker", "ps", "-aq", "--filter", label + "oneoff=False",
            "--filter", f"{label}project={self.project}",
            "--filter", f"{label}service={service}").stdout.split()

    def inspect(self, service):
        return json.loads(self.run(
            "docker", "inspect", *self.containers(service)).stdout)

    def addresses(self, service):
        """Network name and address of each container, without the project."""
        return [(name.removeprefix(self.project + "_"), at["IPAddress"])
                for container in self.inspect(service)
                for name, at in
                container["NetworkSettings"]["Networks"].items()]

    def reached(self, service, targets):
        """Those of the targets, (host, port), that answer the service."""
        said = self.inside(
            service, "bash", "-c", REACH, "bash",
            *[f"{host}/{port}" for host, port in targets]).stdout.split()
        return [t for t in targets if f"{t[0]}/{t[1]}" in said]

    def token(self, scope="", client="bench"):
        return self.run("make", "-s", "token", "COMPOSE=1", f"SCOPE={scope}",
                        f"CLIENT={client}").stdout.strip()

    def tls(self):
        return ssl.create_default_context(cafile=self.ca)

    def ask(self, path, body=None, token=None, headers=None):
        """Status and body, whatever the status."""
        request = urllib.request.Request(
            self.url + path, data=json.dumps(body).encode() if body else None)
        request.add_header("Accept", "application/json, text/event-stream")
        if body:
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", "Bearer " + token)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, context=self.tls(),
                                        timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError as error:
            return 0, str(error).encode()

    def call(self, token):
        return self.ask("/mcp", CALL, token, CALL_HEADERS)

    def ready(self):
        return self.ask("/readyz")[0] == 200

    def figures(self):
        with urllib.request.urlopen(self.metrics + "/metrics",
                                    timeout=10) as answer:
            return answer.read().decode()

    def said(self, service="monitor"):
        return "".join(self.run("docker", "logs", name).stdout +
                       self.run("docker", "logs", name).stderr
                       for name in self.containers(service))


@contextlib.contextmanager
def calling(stack, threads=4):
    """Calls from several sides at once; what was not answered 200 at the end
    of the block is in the list."""
    token = stack.token()
    over = threading.Event()
    bad, good = [], []

    def go_on():
        while not over.is_set():
            status, body = stack.call(token)
            (good if status == 200 else bad).append((status, body))

    callers = [threading.Thread(target=go_on) for _ in range(threads)]
    for caller in callers:
        caller.start()
    try:
        yield bad
    finally:
        over.set()
        for caller in callers:
            caller.join()
    assert good


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("compose"))
    try:
        stack.run("make", "-s", "all")  # `make token` is the native program
        stack.compose("build", seconds=1400)
        stack.up()
        stack.compose("cp", "edge:/var/lib/sallyport/ca.pem", stack.ca)
        assert eventually(stack.ready, 30), stack.said("edge")
        yield stack
    finally:
        if os.environ.get("SP_TEST_KEEP") != "1":
            stack.compose("down", "-v", "-t", "5", check=False)


# ------------------------------------------------------------------- it serves

def test_all_seven_and_redis_are_healthy(stack):
    lines = stack.compose("ps", "--format", "json").stdout.splitlines()
    count = {}
    for container in map(json.loads, lines):
        assert container["Health"] == "healthy", container
        service = container["Service"]
        count[service] = count.get(service, 0) + 1
    assert count == CONTAINERS


def test_a_tool_answers_through_every_replica(stack):
    token = stack.token()
    for _ in range(60):  # more than one run of messages for each replica
        status, body = stack.call(token)
        assert status == 200, body
        result = json.loads(body)["result"]
        assert result["structuredContent"]["customer_id"] == "ABC12345"

    def working():
        return set(re.findall(
            r'sallyport_validation_\w+\{[^}]*replica="(\w+)"[^}]*\} [1-9]',
            stack.figures()))

    assert eventually(lambda: len(working()) == 3), stack.figures()


def test_without_a_token_nothing_passes(stack):
    assert stack.call(None)[0] == 401
    assert stack.call("x.y.z")[0] == 401
    assert stack.call(stack.token("llm:chat"))[0] == 403


def test_official_clients_through_the_stack(stack):
    done = stack.run(
        "env", "SP_TEST_COMPOSE=1", sys.executable, "-B", "-m", "pytest", "-q",
        "-p", "no:cacheprovider", "tests/interop/test_mcp_sdks.py",
        check=False, seconds=900)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "6 passed" in done.stdout, done.stdout


def test_alerts_are_there_at_once_for_who_follows_the_monitor(stack):
    follower = subprocess.Popen(
        ["docker", "compose", "logs", "-f", "monitor"], cwd=ROOT,
        env=stack.environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL)
    watchdog = threading.Timer(30, follower.kill)
    watchdog.start()
    try:
        for _ in range(6):
            assert stack.call("not.a.token")[0] == 401
        lines = []
        for line in follower.stdout:  # ends at the latest with the watchdog
            lines.append(line)
            if "ALERT high repeated_bad_tokens" in line:
                break
        assert "ALERT high repeated_bad_tokens" in lines[-1], lines
    finally:
        watchdog.cancel()
        follower.kill()
        follower.wait()


def test_metrics_tell_of_every_service(stack):
    text = stack.figures()
    for service in STAGES:
        assert text.count(f'sallyport_ready{{service="{service}"') == (
            CONTAINERS[service])


# -------------------------------------------------------------------- networks

@pytest.mark.parametrize("source", STAGES + ["redis"])
def test_no_way_to_a_service_without_a_link(stack, source):
    strangers = [other for other in STAGES + ["redis"] if other != source and
                 frozenset((source, other)) not in LINKED]
    found = stack.inside(
        source, "bash", "-c",
        'for name in "$@"; do timeout 3 getent hosts "$name" & done; wait',
        "bash", *strangers).stdout
    assert found == "", "found by name"
    if source == "llm":
        # It has a way out, and the host no address on a link's network: what
        # llm sends to such an address leaves the machine, and whoever answers
        # there is none of ours.
        return
    # Nor by address, on the port of one of its links.
    ports = {b: link_port(a, b) for a, b in ROUTES} | {"redis": 6379}
    targets = [(address, ports[other]) for other in strangers
               for _, address in stack.addresses(other)]
    assert stack.reached(source, targets) == []


@pytest.mark.parametrize("source", STAGES)
def test_a_link_is_a_network_of_its_two_ends(stack, source):
    """Shows that the test above can fail, and that the links are there."""
    others = [b for a, b in ROUTES if a == source]
    own = {name for name, _ in stack.addresses(source)}
    for other in others:
        shared = own & {name for name, _ in stack.addresses(other)}
        assert shared in ({f"{source}-{other}"}, {f"{other}-{source}"})
    targets = [(other, link_port(source, other)) for other in others]
    assert stack.reached(source, targets) == targets


@pytest.fixture
def outside(stack):
    """A host beyond this one that knows no way back to the containers: it
    answers who comes by the address of this host, as the internet would."""
    if os.geteuid() != 0:
        pytest.skip("needs root for a network namespace")
    name = f"sp-{os.getpid()}"
    ip = ["ip", "-n", name]
    # 198.51.100.0/24 is for examples (RFC 5737): nobody has it.
    here, there = "198.51.100.1", "198.51.100.2"
    listener = None
    try:
        for command in (
                ["ip", "netns", "add", name],
                [*ip, "link", "add", "there", "type", "veth", "peer", "name",
                 name, "netns", str(os.getpid())],
                ["ip", "address", "add", here + "/30", "dev", name],
                ["ip", "link", "set", name, "up"],
                [*ip, "address", "add", there + "/30", "dev", "there"],
                [*ip, "link", "set", "there", "up"]):
            stack.run(*command)
        listener = subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-c",
             "import socket\nwith socket.create_server(('', 80)) as s:\n"
             " print('listens', flush=True)\n while True:\n"
             "  with s.accept()[0] as c: c.sendall(b'x')"],
            stdout=subprocess.PIPE, text=True)
        assert listener.stdout.readline() == "listens\n"
        yield there
    finally:
        if listener is not None:
            listener.kill()
            listener.wait()
        stack.run("ip", "netns", "del", name, check=False)


def test_only_llm_has_a_way_out(stack, outside):
    services = STAGES + ["redis"]
    with ThreadPoolExecutor(len(services)) as pool:
        ways = pool.map(lambda s: stack.reached(s, [(outside, 80)]), services)
        assert [s for s, way in zip(services, ways) if way] == ["llm"]


@pytest.mark.parametrize("source", [s for s in STAGES if s != "llm"])
def test_names_of_the_world_are_asked_of_nobody(stack, source):
    began = time.monotonic()
    found = stack.inside(source, "getent", "hosts", "stranger.example",
                         check=False)
    assert found.returncode != 0
    assert time.monotonic() - began < 8, "a stage that is gone holds us up"


@pytest.fixture
def host_port():
    """A port on which the host greets whoever comes, on all its addresses."""
    with socket.create_server(("0.0.0.0", 0)) as listener:
        def greet():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as client:
                        client.sendall(b"x")

        threading.Thread(target=greet, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("source", STAGES + ["redis"])
def test_the_host_is_out_of_reach_by_a_link(stack, source, host_port):
    """What listens on all addresses of the host, as a database may, is no
    neighbour. A network with a published port cannot do without the host."""
    gates = {network: re.sub(r"\d+$", lambda last: str(
        int(last.group()) // 32 * 32 + 1), address)
        for network, address in stack.addresses(source)}
    reached = stack.reached(source, [(a, host_port) for a in gates.values()])
    assert reached == [(address, host_port) for network, address in
                       gates.items() if network in OPEN]


# ----------------------------------------------------------------------- walls

@pytest.mark.parametrize("service", STAGES + ["redis", "init"])
def test_containers_are_locked_down(stack, service):
    for found in stack.inspect(service):
        host = found["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert not host["Privileged"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert not [o for o in host["SecurityOpt"] if "unconfined" in o]
        assert 0 < host["PidsLimit"] <= 64
        assert 0 < host["Memory"] <= 512 * 1024 * 1024
        assert host["NetworkMode"] != "host"
        assert found["Config"]["User"] == "sallyport"
        writable = {m["Destination"] for m in found["Mounts"] if m["RW"]}
        if service == "init":
            assert list(found["NetworkSettings"]["Networks"]) == ["none"]
        elif service in ("tools", "monitor"):
            assert writable == {"/var/lib/sallyport"}
        else:
            assert not writable


@pytest.mark.parametrize("service", STAGES)
def test_the_serving_process_is_jailed_with_all_its_threads(stack, service):
    text = stack.inside(service, "sh", "-c",
                        "cat /proc/1/task/*/status; cat /proc/1/cmdline"
                        ).stdout
    fields = [line.split(":\t") for line in text.splitlines()]
    states = {}
    for field in fields:
        states.setdefault(field[0], set()).add(field[-1].strip())
    assert service in text
    assert text.count("Seccomp:") >= 3  # libzmq's two threads, and ours
    assert states["Seccomp"] == {"2"}
    # The engine's filter and ours.
    assert min(map(int, states["Seccomp_filters"])) >= 2
    assert states["NoNewPrivs"] == {"1"}
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert states[name] == {"0000000000000000"}
    assert states["Uid"] == {"10001\t10001\t10001\t10001"}


@pytest.mark.parametrize("service", STAGES)
def test_the_jail_refuses_every_forbidden_thing(stack, service):
    # On ports of its own: the serving process has the others.
    done = stack.compose(
        "exec", "-T", "-e", "SP_LISTEN=127.0.0.1:7001", "-e",
        "SP_METRICS_LISTEN=127.0.0.1:7002", service, service, "--jail-trial",
        check=False)
    trials = [line.split("\t") for line in done.stdout.splitlines()
              if "\t" in line]
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(trials) >= 18
    assert {verdict for _, verdict in trials} == {"refused"}


# --------------------------------------------------------------------- secrets

@pytest.mark.parametrize("service", STAGES)
def test_secrets_are_where_they_are_used(stack, service):
    found = stack.inside(service, "find", "/var/lib/sallyport/keys",
                         "-mindepth", "1", "-maxdepth", "1").stdout.split()
    assert found == [f"/var/lib/sallyport/keys/{service}"]
    found = stack.inside(service, "find", "/", "-xdev", "-name",
                         "redis.password", "-o", "-name", "redis.acl",
                         check=False).stdout
    found += stack.inside(service, "find", "/var/lib/sallyport", "-name",
                          "redis*").stdout
    assert found == ("/var/lib/sallyport/keys/ratelimit/redis.password\n"
                     if service == "ratelimit" else "")


@pytest.mark.parametrize("service", STAGES)
def test_the_configuration_is_there_and_read_only(stack, service):
    found = stack.inside(service, "ls", "/etc/sallyport").stdout.split()
    assert found == (["llm.yaml"] if service == "llm" else CONFIG)
    done = stack.inside(service, "touch", "/etc/sallyport/new.yaml",
                        check=False)
    assert done.returncode != 0


def test_a_hangup_has_every_process_read_its_configuration(stack):
    before = {s: stack.said(s).count("config_reloaded") for s in STAGES}
    stack.compose("kill", "-s", "HUP", *STAGES)
    for service in STAGES:
        assert eventually(lambda: stack.said(service).count(
            "config_reloaded") > before[service]), stack.said(service)


def test_nothing_secret_stands_in_the_open(stack):
    """Neither on command lines and in `docker inspect`, nor in the images."""
    secrets = stack.compose(
        "run", "--rm", "-T", "init", "sh", "-c",
        "cd keys; cat ratelimit/redis.password operator/*.secret *.key"
        " */*.key */links/* */curve.secret 2>/dev/null"
        " | grep -v -e '--' | sort -u").stdout.split()
    assert len(secrets) > 30
    shown = json.dumps([stack.inspect(s) for s in STAGES + ["redis", "init"]])
    shown += stack.inside("redis", "cat", "/proc/1/cmdline").stdout
    shown += stack.compose("config").stdout
    shown += "".join(stack.said(s) for s in STAGES + ["redis", "init"])
    for image in ("sallyport:latest", "sallyport-redis:latest"):
        shown += stack.run("docker", "history", "--no-trunc", image).stdout
        left = stack.run(
            "docker", "run", "--rm", "--network", "none", image, "find",
            "/var/lib/sallyport", "/etc/sallyport", "/split", "-type", "f",
            check=False).stdout
        assert left == ""
    assert not [s for s in secrets if s in shown]


def redis_says(stack, password, command):
    """What Redis says to one command after AUTH, where there is a password."""
    return stack.inside(
        "ratelimit", "bash", "-c",
        'exec 3<>/dev/tcp/redis/6379; '
        '[ -z "$0" ] || printf "AUTH %s\\r\\n" "$0" >&3; '
        'printf "%s\\r\\n" "$1" QUIT >&3; timeout 5 cat <&3',
        password, command).stdout.splitlines()


def test_redis_wants_the_password_and_ratelimit_has_it(stack):
    password = stack.inside("ratelimit", "cat",
                            "keys/ratelimit/redis.password").stdout.strip()
    assert re.fullmatch("[0-9a-f]{64}", password)
    assert redis_says(stack, "", "GET a")[0].startswith("-NOAUTH ")
    assert redis_says(stack, "guess", "GET a")[0].startswith("-WRONGPASS ")
    assert redis_says(stack, password, "SET a 1")[:2] == ["+OK", "+OK"]
    assert redis_says(stack, password, "GET a")[1:3] == ["$1", "1"]
    assert redis_says(stack, password, "CONFIG GET *")[1].startswith("-NOPERM")


def test_the_build_takes_no_state_and_no_secret_along(stack, tmp_path):
    """What .dockerignore leaves in, in a copy of the tree with what a working
    tree has lying about."""
    tree = tmp_path / "tree"
    stack.run("git", "clone", "-q", "--depth", "1", f"file://{ROOT}",
              str(tree))
    (tree / ".dockerignore").write_text((ROOT / ".dockerignore").read_text())
    for name in ("state/keys/ca/ca.key", "build/release/edge", ".env",
                 "openai.key", "gate2/keys/auth/es256.key"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("canary")
    tag = f"{stack.project}-context"
    try:
        stack.run("docker", "build", "-q", "-t", tag, "-f", "-", str(tree),
                  input="FROM debian:trixie-slim\nCOPY . /context\n")
        found = stack.run("docker", "run", "--rm", "--network", "none", tag,
                          "grep", "-rl", "canary", "/context",
                          check=False).stdout.split()
        tops = stack.run("docker", "run", "--rm", "--network", "none", tag,
                         "ls", "-A", "/context").stdout.split()
    finally:
        stack.run("docker", "image", "rm", "-f", tag, check=False)
    assert [f for f in found if not f.startswith("/context/tests/")] == []
    assert "services" in tops and "tests" in tops
    assert not {".git", ".env", "state", "build", "gate2"} & set(tops)


# ----------------------------------------------------------------------- CURVE

# Prints the mechanism that the other end names (bytes 12 to 31 of the greeting,
# RFC 37 of ZeroMQ), answers that ours is NULL, and prints how much the other
# end then still says.
GREET = r"""
for target in "$@"; do
    exec 3<>"/dev/tcp/$target"
    printf '\xff\0\0\0\0\0\0\0\1\x7f\3' >&3
    head -c 64 <&3 | tail -c 52 | head -c 20 | tr -d '\0'
    printf '\1NULL' >&3
    head -c 48 /dev/zero >&3
    timeout 2 cat <&3 2>/dev/null | wc -c
done
"""


@pytest.mark.parametrize("source", STAGES)
def test_links_speak_curve_only(stack, source):
    others = [b for a, b in ROUTES if a == source]
    said = stack.inside(source, "bash", "-c", GREET, "bash", *[
        f"{other}/{link_port(source, other)}" for other in others]).stdout
    assert said.split() == ["CURVE0"] * len(others)


def test_a_wrong_curve_key_is_refused_and_raises_an_alert(stack):
    """An edge with keys of its own, on the network of the true one and with
    all public keys: auth must not take a word from it."""
    volume = stack.project + "-impostor"
    impostor = [
        "docker", "run", "--rm", "--read-only", "--cap-drop", "ALL",
        "--network", f"{stack.project}_edge-auth", "--tmpfs",
        "/var/lib/sallyport:uid=10001,mode=0700", "-v",
        f"{stack.project}_edge:/true:ro", "-v",
        f"{ROOT}/deploy/config:/etc/sallyport:ro",
        "--name", volume, "sallyport:latest", "sh", "-c",
        "sallyport init && cp /true/keys/edge/peers/*.public keys/edge/peers/"
        " && exec timeout 10 edge"]
    before = stack.said("auth").count("link_refused")
    running = subprocess.Popen(impostor, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        assert eventually(
            lambda: stack.said("auth").count("link_refused") > before, 30)
        # Meanwhile the true edge is served.
        status, body = stack.call(stack.token())
        assert status == 200, body
    finally:
        stack.run("docker", "kill", volume, check=False)
        said = running.communicate(timeout=30)[0]
    assert "serving" in said, said
    assert eventually(
        lambda: "ALERT critical link_refused" in stack.said(), 15)


# ------------------------------------------------------------- loss and scaling

@pytest.mark.parametrize("service", ["validation", "tools"])
def test_a_killed_replica_is_not_missed(stack, service):
    victim = stack.containers(service)[0]
    with calling(stack) as bad:
        stack.run("docker", "kill", "-s", "KILL", victim)
        # The engine brings it back, or Compose does.
        stack.up()
    assert bad == []
    assert eventually(lambda: stack.figures().count(
        f'sallyport_ready{{service="{service}"') >= CONTAINERS[service])


def test_scaling_is_not_noticed(stack):
    with calling(stack) as bad:
        stack.up("--scale", "validation=1", "--scale", "tools=1")
        stack.up("--scale", "validation=2", "--scale", "tools=3")
        stack.up()
    assert bad == []


# ---------------------------------------------------------------------- models

@pytest.fixture(scope="module")
def model(stack):
    """A model server on the host that wants a key, set up as the head of
    docker-compose.yml says."""
    with Upstream(host="0.0.0.0") as upstream:
        text = (ROOT / "deploy" / "compose" / "llm.yaml").read_text()
        text = text.replace("name: ollama", "name: openai")
        text = text.replace("kind: ollama", "kind: openai")
        text = text.replace(":11434/", f":{upstream.server_address[1]}/")
        home = stack.home / "llm"
        home.mkdir(mode=0o755)
        config = home / "llm.yaml"
        config.write_text(text)
        config.chmod(0o644)
        for directory in (home, *home.parents):
            if directory.stat().st_uid == os.geteuid():
                directory.chmod(directory.stat().st_mode | 0o111)
        stack.compose("run", "--rm", "-T", "init", "install", "-m", "600",
                      "/dev/stdin", "keys/llm/openai.key", input="sk-test\n")
        stack.environment["LLM_CONFIG"] = str(home)
        stack.up("--force-recreate", "llm")
        assert eventually(stack.ready, 30)
        yield upstream
        upstream.pace.release(100)


def test_without_an_ollama_chats_get_502(stack):
    status, body = stack.ask("/v1/chat/completions", CHAT, stack.token())
    assert status == 502, body


def test_llm_reaches_the_model_server_of_the_host(stack, model):
    token = stack.token()
    status, body = stack.ask("/v1/models", None, token)
    assert status == 200, body
    assert [m["id"] for m in json.loads(body)["data"]] == ["tiny"]
    status, body = stack.ask("/v1/chat/completions", CHAT, token)
    assert status == 200, body
    assert json.loads(body)["choices"][0]["message"]["content"] == "Hello."
    headers, sent = model.requests[-1]
    assert ("authorization", "Bearer sk-test") in [
        (name.lower(), value) for name, value in headers.items()]
    assert sent["messages"] == CHAT["messages"]


# ------------------------------------------------------------------------- end

def start_stream(stack):
    connection = http.client.HTTPSConnection(
        "localhost", stack.port, timeout=60, context=stack.tls())
    connection.request(
        "POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}),
        {"Content-Type": "application/json", "Accept": "text/event-stream",
         "Authorization": "Bearer " + stack.token()})
    return connection.getresponse()


def test_the_end_waits_for_answers_and_is_orderly(stack, model):
    answer = start_stream(stack)
    assert answer.status == 200
    assert b"one" in answer.readline()
    ending = subprocess.Popen(
        ["docker", "compose", "stop"], cwd=ROOT, env=stack.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert eventually(lambda: "draining" in stack.said("edge"), 20)
        model.pace.release(100)
        rest = answer.read()
        assert b"three" in rest
        assert rest.rstrip().endswith(b"[DONE]")
    finally:
        status = ending.wait(timeout=90)
    assert status == 0
    for service in STAGES + ["redis"]:
        for container in stack.inspect(service):
            state = container["State"]
            assert (state["Status"], state["ExitCode"],
                    state["OOMKilled"]) == ("exited", 0, False), (
                service, stack.said(service)[-2000:])


def test_a_second_start_knows_the_keys_and_the_trail(stack):
    first = stack.said()
    stack.up()
    assert eventually(stack.ready, 30)
    # The same authority, or this would fail already.
    assert stack.call(stack.token())[0] == 200
    again = stack.said()[len(first):]
    goes_on = re.search(r"audit_continued records=(\d+).*unchanged", again)
    assert goes_on and int(goes_on.group(1)) > 10, again
    stack.inside("monitor", "sallyport", "audit", "verify")
