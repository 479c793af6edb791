"""The stack of docker-compose.yml: the same gate from images. Each test talks
to it by its published port, on a project of its own that goes away at the
end."""

import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGES = ["edge", "auth", "validation", "ratelimit", "tools", "llm", "monitor"]

# May open a connection to; Compose gives the pairs networks of their own.
LINKED = {
    frozenset(pair)
    for pair in (
        *(("edge", s) for s in STAGES[1:]),
        ("auth", "validation"), ("auth", "monitor"),
        ("validation", "ratelimit"), ("validation", "tools"),
        ("validation", "llm"), ("validation", "monitor"),
        ("ratelimit", "tools"), ("ratelimit", "llm"), ("ratelimit", "monitor"),
        ("tools", "monitor"), ("llm", "monitor"),
    )
}

CALL = {
    "jsonrpc": "2.0", "id": 7, "method": "tools/call",
    "params": {
        "name": "get_customer_info",
        "arguments": {"customer_id": "ABC12345"},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    },
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def eventually(what, seconds=60):
    """Asks until the answer is true; the last answer."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.2)


class Stack:
    def __init__(self, home):
        port = free_port()
        self.url = f"https://localhost:{port}"
        self.metrics = f"http://127.0.0.1:{free_port()}"
        self.ca = str(home / "ca.pem")
        self.environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": f"sallyport-test-{os.getpid()}",
            "SP_URL": self.url,
            "SP_LISTEN": f"127.0.0.1:{port}",
            "SP_METRICS_LISTEN": self.metrics.partition("//")[2],
            "GATE_NET": "10.214",
        }

    def run(self, *command, check=True, seconds=900):
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, text=True,
            capture_output=True, timeout=seconds)
        assert not check or done.returncode == 0, (
            done.stdout[-3000:] + done.stderr[-3000:])
        return done

    def compose(self, *command, **options):
        return self.run("docker", "compose", *command, **options)

    def token(self, scope=""):
        return self.run("make", "-s", "token", "COMPOSE=1",
                        f"SCOPE={scope}").stdout.strip()

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
        tls = ssl.create_default_context(cafile=self.ca)
        try:
            with urllib.request.urlopen(request, context=tls,
                                        timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except urllib.error.URLError as error:
            return 0, str(error).encode()

    def call(self, token):
        return self.ask("/mcp", CALL, token,
                        {"MCP-Protocol-Version": "2026-07-28",
                         "Mcp-Method": "tools/call",
                         "Mcp-Name": "get_customer_info"})


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("compose"))
    try:
        stack.run("make", "-s", "all")  # `make token` is the native program
        stack.compose("build", seconds=1800)
        stack.compose("up", "-d", "--wait", "--scale", "validation=3",
                      "--scale", "tools=2", seconds=180)
        stack.compose("cp", "edge:/var/lib/sallyport/ca.pem", stack.ca)
        assert eventually(lambda: stack.ask("/readyz")[0] == 200)
        yield stack
    finally:
        if os.environ.get("SP_TEST_KEEP") != "1":
            stack.compose("down", "-v", "-t", "5", check=False)


def test_all_seven_and_redis_are_healthy(stack):
    lines = stack.compose("ps", "--format", "json").stdout.splitlines()
    found = [json.loads(line) for line in lines]
    count = {}
    for container in found:
        assert container["Health"] == "healthy", container
        service = container["Service"]
        count[service] = count.get(service, 0) + 1
    assert count == {**dict.fromkeys(STAGES, 1), "redis": 1, "validation": 3,
                     "tools": 2}


def test_a_tool_answers_through_every_replica(stack):
    token = stack.token()
    for _ in range(40):  # more than one run of messages for each replica
        status, body = stack.call(token)
        assert status == 200, body
        result = json.loads(body)["result"]
        assert result["structuredContent"]["customer_id"] == "ABC12345"


def test_without_a_token_nothing_passes(stack):
    assert stack.call(None)[0] == 401
    assert stack.call("x.y.z")[0] == 401


@pytest.mark.parametrize("source", STAGES)
def test_no_way_to_a_service_without_a_link(stack, source):
    for other in STAGES + ["redis"]:
        if other == source or frozenset((source, other)) in LINKED or (
                {source, other} == {"ratelimit", "redis"}):
            continue
        found = stack.compose("exec", "-T", source, "getent", "hosts", other,
                              check=False)
        assert found.returncode != 0, f"{source} finds {other}"


@pytest.mark.parametrize("source", [s for s in STAGES if s != "llm"])
def test_only_llm_has_a_way_out(stack, source):
    # 192.0.2.1 is a documentation address (RFC 5737): a route to it is a way
    # out, "unreachable" means there is none.
    said = stack.compose(
        "exec", "-T", source, "timeout", "3", "bash", "-c",
        "exec 3<>/dev/tcp/192.0.2.1/443", check=False)
    assert said.returncode != 0


@pytest.mark.parametrize("service", STAGES)
def test_containers_are_locked_down(stack, service):
    name = stack.compose("ps", "-q", service).stdout.split()[0]
    host = json.loads(stack.run("docker", "inspect", name).stdout)[0]
    assert host["HostConfig"]["ReadonlyRootfs"]
    assert host["HostConfig"]["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["HostConfig"]["SecurityOpt"]
    assert host["HostConfig"]["PidsLimit"] <= 64
    assert 0 < host["HostConfig"]["Memory"] <= 512 * 1024 * 1024
    assert host["Config"]["User"] == "sallyport"


@pytest.mark.parametrize("service", STAGES)
def test_secrets_are_where_they_are_used(stack, service):
    found = stack.compose("exec", "-T", service, "find",
                          "/var/lib/sallyport/keys", "-mindepth", "1",
                          "-maxdepth", "1").stdout.split()
    assert found == [f"/var/lib/sallyport/keys/{service}"]


def test_a_killed_replica_is_not_missed(stack):
    token = stack.token()
    victim = stack.compose("ps", "-q", "validation").stdout.split()[0]
    stack.run("docker", "kill", "-s", "KILL", victim)
    for _ in range(40):
        status, body = stack.call(token)
        assert status == 200, body


def test_alerts_and_metrics_come_from_the_monitor(stack):
    for _ in range(6):
        stack.call("not.a.token")
    assert eventually(lambda: "token" in stack.compose(
        "logs", "--no-log-prefix", "monitor").stdout)
    with urllib.request.urlopen(stack.metrics + "/metrics",
                                timeout=10) as answer:
        text = answer.read().decode()
    for service in STAGES:
        assert f'service="{service}"' in text


def test_official_clients_through_the_stack(stack):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "tests/interop/test_mcp_sdks.py"],
        cwd=ROOT, env={**stack.environment, "SP_TEST_COMPOSE": "1"},
        capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-5000:]
