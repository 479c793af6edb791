"""What an operator sees and does: readiness, status, scaling, metrics, alerts,
the audit trail, configuration faults, doctor, two gates on one machine."""

import contextlib
import fcntl
import json
import os
import re
import signal
import sqlite3
import ssl
import stat
import subprocess
from pathlib import Path

import pytest

import rpc
from gate import CONFIG, PROGRAMS, SERVICES, Gate, birth, eventually


def call(gate):
    return gate.mcp(rpc.call(*rpc.CUSTOMER))


# ------------------------------------------------------------------- readiness

def test_alive_and_ready(gate):
    assert gate.get("/healthz").status == 200
    assert gate.get("/readyz").status == 200


@pytest.mark.parametrize("service", SERVICES[1:])
def test_readiness_tells_the_truth(own_gate, service):
    """Without a stage: alive, not ready, 503 with Retry-After, and back."""
    supervised = own_gate.state / "supervise" / ".replicas" / f"{service}.0"
    subprocess.run(["s6-svc", "-d", str(supervised)], check=True)
    assert eventually(lambda: own_gate.get("/readyz").status == 503)
    assert own_gate.get("/healthz").status == 200
    if service in ("validation", "ratelimit", "tools"):
        answer = call(own_gate) if own_gate.tokens else own_gate.post(
            "/mcp", rpc.call(*rpc.CUSTOMER),
            token=own_gate.token(client="bench"))
        assert answer.status == 503, answer
        assert int(answer.headers["retry-after"]) >= 1
        assert rpc.error(answer)["code"] == 503
    subprocess.run(["s6-svc", "-u", str(supervised)], check=True)
    assert eventually(lambda: own_gate.get("/readyz").status == 200)
    assert eventually(lambda: call(own_gate).status == 200)


# ---------------------------------------------------------------------- status

def test_status_as_json(gate):
    rows = gate.status()
    assert [r["service"] for r in rows] == SERVICES
    for row in rows:
        assert row["replica"] == "0"
        assert row["ready"] is True
        assert birth(row["pid"]) is not None
    assert {r["pid"] for r in rows} <= set(gate.pids())


def test_status_as_a_table(gate):
    done = gate.run("status")
    assert done.returncode == 0
    for service in SERVICES:
        assert service in done.stdout


@pytest.mark.parametrize("word", ["--version", "version"])
def test_version(idle, word):
    done = idle.run(word)
    assert done.returncode == 0
    assert re.fullmatch(r"sallyport \d+\.\d+\.\d+\n", done.stdout)


def test_a_stage_cannot_be_scaled_away(gate):
    done = gate.run("scale", "validation=0")
    assert done.returncode == 78
    assert "must have one replica" in done.stderr
    assert call(gate).status == 200


def test_status_believes_no_dead_process(own_gate):
    """Nobody has told the monitor yet, and a monitor that is dead itself never
    will."""
    def shown(service, pid):
        done = own_gate.run("status", "--json")
        row, = [r for r in json.loads(done.stdout) if r["service"] == service]
        return done.returncode, row["pid"] == pid and row["ready"], row

    assert own_gate.run("status").returncode == 0
    for service in ("monitor", "auth"):
        pid = own_gate.pid(service)
        os.kill(pid, signal.SIGSTOP)
        # Well before the monitor misses it, after three seconds.
        assert eventually(lambda: shown(service, pid)[:2] == (1, False), 1)
        os.kill(pid, signal.SIGCONT)
        assert eventually(lambda: shown(service, pid)[:2] == (0, True))
    os.kill(own_gate.pid("monitor"), signal.SIGSTOP)
    pid = own_gate.pid("tools")
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: shown("tools", pid)[:2] == (1, False), 1)
    assert eventually(lambda: shown("tools", pid)[2]["pid"] not in (0, pid))
    assert shown("tools", pid)[0] == 1, "the monitor stands still"
    os.kill(own_gate.pid("monitor"), signal.SIGCONT)
    assert eventually(lambda: own_gate.run("status").returncode == 0)
    row = shown("tools", 0)[2]
    assert row["restarts"] == 1
    assert 0 <= row["uptime_s"] <= 60
    assert shown("auth", 0)[2]["restarts"] == 0


def test_commands_without_a_gate_say_so():
    idle = Gate()
    try:
        for command in (["status"], ["scale", "tools=2"], ["token"], ["stop"],
                        ["call", "get_customer_info"]):
            done = idle.run(*command)
            assert done.returncode != 0, command
            assert done.stderr, command
        assert idle.run("init").returncode == 0
        done = idle.run("stop")
        assert done.returncode == 1
        assert f"no gate runs on SP_STATE={idle.state}" in done.stderr
    finally:
        idle.end()


@pytest.mark.parametrize("arguments", [
    ["scale", "validation"], ["scale", "validation=x"], ["scale", "none=1"],
    ["scale", "validation=999"], ["scale", "monitor=2"], ["scale"],
    ["scale", "validation=0"], ["scale", "tools=2", "monitor=0"],
    ["status", "--xml"], ["token", "--client", "nobody"], ["none"], []])
def test_wrong_usage_is_refused(gate, arguments):
    done = gate.run(*arguments)
    assert done.returncode not in (0, 1)
    assert done.stderr
    assert gate.all_ready()


# --------------------------------------------------------------------- scaling

@pytest.mark.parametrize("service", ["auth", "validation", "ratelimit",
                                     "tools", "llm"])
def test_scaling_up_and_down_loses_nothing(gate, service):
    done = gate.run("scale", f"{service}=3")
    assert done.returncode == 0, done.stderr
    assert eventually(lambda: gate.all_ready(len(SERVICES) + 2))
    for _ in range(60):  # more than a run of messages for each replica
        assert call(gate).status == 200
    done = gate.run("scale", f"{service}=1")
    assert done.returncode == 0, done.stderr
    for _ in range(20):
        assert call(gate).status == 200
    gate.await_ready()


def test_sessions_live_in_every_replica():
    with Gate("tools=2", "validation=2") as gate:
        gate.await_ready(9)
        session = rpc.Session(gate)
        for _ in range(40):
            assert rpc.result(session.ask("ping")) == {}
        assert session.end().status in (200, 204)
        for _ in range(40):
            assert session.ask("ping").status == 404


# --------------------------------------------------- metrics, alerts and trail

def test_metrics(gate):
    call(gate)
    answer = gate.metrics()
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    lines = [line for line in answer.text.splitlines()
             if line and not line.startswith("#")]
    for service in SERVICES:
        assert any(line.startswith("sallyport_ready{") and
                   f'service="{service}"' in line and line.endswith(" 1")
                   for line in lines), service
    for line in lines:
        name, _, value = line.rpartition(" ")
        assert name.startswith("sallyport_"), line
        float(value)
    assert len(lines) == len(set(line.rpartition(" ")[0] for line in lines))


def test_every_metric_says_what_it_means(gate):
    call(gate)
    gate.mcp(rpc.call(*rpc.TICKET))
    assert eventually(lambda: "tools_calls_total" in gate.metrics().text)
    page = gate.metrics().text
    types = re.findall(r"^# TYPE (\S+) \S+$", page, re.M)
    assert len(types) > 50
    assert types == re.findall(r"^# HELP (\S+) .*\.$", page, re.M)


def test_metrics_are_on_no_public_port(gate):
    assert gate.get("/metrics").status == 404


def test_bad_tokens_raise_an_alert(gate):
    for _ in range(6):
        gate.post("/mcp", rpc.call(*rpc.CUSTOMER), token="not.a.token",
                  source="127.0.0.101")
    assert eventually(lambda: any(
        "address=127.0.0.101" in line
        for line in gate.alerts("repeated_bad_tokens")))


def test_a_denied_tool_raises_an_alert(gate):
    assert gate.mcp(rpc.call(*rpc.TICKET), "customer:read").status == 403
    assert eventually(lambda: gate.alerts("tool_denied"))


def test_a_crash_raises_an_alert_and_is_mended(own_gate):
    before = own_gate.pid("validation")
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: own_gate.pid("validation") not in (0, before), 5)
    own_gate.await_ready()
    # Its neighbours look for it once a second.
    assert eventually(lambda: call(own_gate).status == 200, 3)
    assert eventually(lambda: own_gate.alerts("process_restarted"))


REFUSALS = [
    (lambda g: g.post("/mcp", rpc.call(*rpc.CUSTOMER)), "token_missing"),
    (lambda g: g.post("/mcp", rpc.call(*rpc.CUSTOMER), token="a.b.c",
                      source="127.0.0.103"), "token_refused"),
    (lambda g: g.grant("grant_type=client_credentials", "nobody", "wrong",
                       source="127.0.0.104"), "client_refused"),
    (lambda g: g.mcp(rpc.call(*rpc.TICKET), "customer:read"),
     "scope_missing"),
    (lambda g: g.mcp(rpc.call("get_customer_info", {"customer_id": "x"})),
     "arguments_refused"),
    (lambda g: g.ask("POST", "/mcp", "{", {
        "Content-Type": "application/json", "Accept": "application/json"},
        token=g.token(client="bench")), "request_refused"),
    (lambda g: g.get("/healthz", headers={"Origin": "https://evil.example"}),
     None),
    (lambda g: g.get("/nothing"), None),
]


@pytest.mark.parametrize("number", range(len(REFUSALS)))
def test_every_refusal_is_an_audit_record(gate, number):
    refuse, kind = REFUSALS[number]
    seen = len(gate.audit())
    status = refuse(gate).status
    found = eventually(lambda: [
        r for r in gate.audit()[seen:]
        if r.get("status") == status and kind in (None, r["kind"])])
    assert found, (status, gate.audit()[seen:])
    if found[0].get("address"):
        assert found[0]["address"].startswith("127.0.0.")


def test_the_trail_holds_no_secret(gate):
    gate.grant("grant_type=client_credentials")
    call(gate)
    text = (gate.state / "store" / "monitor" / "audit.log").read_text()
    assert gate.secret() not in text
    assert gate.token(client="bench") not in text
    assert gate.secret() not in gate.said("stderr")
    assert gate.token(client="bench") not in gate.said("stderr")


def test_audit_verify(gate):
    call(gate)
    done = gate.run("audit", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "whole" in done.stdout


def test_a_changed_trail_is_found():
    with Gate() as gate:
        gate.await_ready()
        for _ in range(3):
            gate.post("/mcp", rpc.call(*rpc.CUSTOMER))
        assert eventually(lambda: len(gate.audit()) >= 3)
        gate.stop()
        trail = gate.state / "store" / "monitor" / "audit.log"
        whole = trail.read_text()
        assert gate.run("audit", "verify").returncode == 0
        lines = whole.splitlines(keepends=True)
        tampered = {
            "changed": whole.replace("127.0.0.1", "127.0.0.9", 1),
            "missing": "".join(lines[:1] + lines[2:]),
            "swapped": "".join([lines[1], lines[0], *lines[2:]]),
            "repeated": "".join([lines[0], *lines]),
            "cut": "".join(lines[:-1]),
            "torn": whole[:-10],
            "longer": whole + "{}\n",
        }
        for name, text in tampered.items():
            assert text != whole, name
            trail.write_text(text)
            done = gate.run("audit", "verify")
            assert done.returncode == 1, f"{name}: {done.stdout}"
            assert "line" in done.stdout, name
        trail.write_text(whole)
        assert gate.run("audit", "verify").returncode == 0


# --------------------------------------------------------------- configuration

def replaced(old, new):
    return lambda text: text.replace(old, new, 1)


CONFIG_FAULTS = [
    ("auth.yaml", "  lifetime_s: 900", "  lifetimes: 900"),
    ("auth.yaml", "  lifetime_s: 900", "  lifetime_s: soon"),
    ("auth.yaml", "  lifetime_s: 900", "  lifetime_s: 5"),
    ("auth.yaml", "  lifetime_s: 900", "  lifetime_s: -900"),
    ("auth.yaml", "  lifetime_s: 900", "  lifetime_s: 0900"),
    ("auth.yaml", "  lifetime_s: 900", "  lifetime_s: 900s"),
    ("auth.yaml", "  signing_key: es256", "\tsigning_key: es256"),
    ("edge.yaml", "  connections: 12000", "  connection: 12000"),
    ("edge.yaml", "  headers_ms: 10000", "  headers_ms: [1]"),
    ("edge.yaml", "  percent: 10", "  percent: 1000000"),
    ("validation.yaml", "  subschemas: 1000", "  subschema: 1000"),
    ("validation.yaml", "  depth: 128", "  depth: deep"),
    ("ratelimit.yaml", "entries: 65536", "entrys: 65536"),
    ("tools.yaml", "    cost: 100", "    price: 100"),
    ("tools.yaml", "    cost: 100", "    cost: much"),
    ("tools.yaml", "    changes: false", "    changes: perhaps"),
    ("tools.yaml", "    run: sql", "    run: http"),
    ("tools.yaml", "    scope: customer:read", "    scope: customer:reed"),
    ("ratelimit.yaml", "client: demo", "client: dem0"),
    ("monitor.yaml", "kinds: [token_refused]", "kinds: [token_refuse]"),
    ("llm.yaml", "  allow_http: false", "  allow_http: flase"),
    ("llm.yaml", "  allow_http: false", "  allow_http: ~"),
    ("llm.yaml", "  kind: ollama", "  kind: oracle"),
    ("llm.yaml", "  calls: 256", "  call: 256"),
    ("monitor.yaml", "  sync_ms: 50", "  sync: 50"),
    ("monitor.yaml", "    severity: high", "    severity: awful"),
    ("auth.yaml", "tokens:", "tokens: {"),
    ("ratelimit.yaml", "default_tier: standard", "default_tier: none"),
    ("monitor.yaml", "    count: 5", "    count: 0"),
]


@pytest.fixture(scope="module")
def idle():
    """A state that no gate runs on."""
    found = Gate()
    assert found.run("init").returncode == 0
    yield found
    found.end()


def test_the_configuration_as_it_comes_is_good(idle):
    done = idle.run("check-config")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name, old, new", CONFIG_FAULTS)
def test_a_configuration_fault_is_told_with_file_and_line(idle, name, old,
                                                          new):
    checked = Gate(edit={name: replaced(old, new)}, state=idle.state)
    try:
        done = checked.run("check-config")
    finally:
        checked.end()
    said = done.stdout + done.stderr
    assert done.returncode not in (0, -signal.SIGSEGV), said
    text = (CONFIG / name).read_text().replace(old, new, 1)
    line = text[:text.index(new)].count("\n") + 1
    lines = [line] if not new.endswith("{") else range(line, line + 400)
    assert any(f"{name}:{n}" in said for n in lines), (
        f"wanted {name}:{line} in: {said}")


@pytest.mark.parametrize("content, says", [
    (None, "No such file or directory"), ("", "the file is empty"),
    ("\n", "the file is empty"), ("two words\n", "holds a blank")])
def test_a_secret_that_is_not_there_is_a_fault(idle, content, says):
    """A provider's key: the file that the upstream's name leads to."""
    key = idle.state / "keys" / "llm" / "hosted.key"
    if content is not None:
        key.write_text(content)
        key.chmod(0o600)
    checked = Gate(edit={"llm.yaml": lambda t: t.replace(
        "  name: ollama", "  name: hosted").replace(
        "  kind: ollama", "  kind: openai")}, state=idle.state)
    try:
        done = checked.run("check-config")
    finally:
        checked.end()
        key.unlink(missing_ok=True)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "keys/llm/hosted.key" in said
    assert says in said


def test_queries_are_checked_against_the_store_of_the_gate(own_gate):
    """A table of the operator's own is there, one that he only means is not."""
    store = own_gate.state / "store" / "tools" / "customers.db"
    with contextlib.closing(sqlite3.connect(store)) as db:
        db.execute("CREATE TABLE parts (customer_id TEXT)")
        db.commit()
    for table, good in (("parts", True), ("bolts", False)):
        checked = Gate(edit={"tools.yaml": lambda t: t.replace(
            "FROM customers WHERE", f"FROM {table} WHERE").replace(
            "SELECT customer_id, name, status, account_type, last_activity, "
            "contact", "SELECT customer_id")}, state=own_gate.state)
        try:
            for command in ("check-config", "doctor"):
                done = checked.run(command)
                said = done.stdout + done.stderr
                assert ("no such table" in said) is not good, said
                if command == "check-config":
                    assert (done.returncode == 0) is good, said
        finally:
            checked.end()
    assert own_gate.run("doctor").returncode == 0
    assert call(own_gate).status == 200


@pytest.mark.parametrize("settings", [
    {"SP_URL": "http://localhost:1"}, {"SP_LISTEN": "nowhere"},
    {"SP_UNKNOWN": "1"}, {"SP_LINKS": "pigeon"}, {"SP_LOG_LEVEL": "loud"},
    {"SP_METRICS_LISTEN": "127.0.0.1:99999"}])
def test_bad_settings_are_refused(idle, settings):
    done = idle.run("check-config", settings=settings)
    assert done.returncode != 0
    assert next(iter(settings)) in done.stdout + done.stderr


@pytest.mark.parametrize("name, old, new", [
    ("auth.yaml", "lifetime_s: 900", "lifetime_s: soon"),
    ("auth.yaml", "  - customer:read\n", ""),
    ("tools.yaml", "    scope: customer:read", "    scope: customer:reed"),
    ("ratelimit.yaml", "client: demo", "client: dem0")])
def test_run_refuses_a_bad_configuration(name, old, new):
    gate = Gate(edit={name: replaced(old, new)})
    try:
        gate.launch()
        assert gate.process.wait(60) != 0
        assert f"{name}:" in gate.said("stderr")
    finally:
        gate.end()


def test_run_refuses_a_port_that_is_taken(gate):
    second = Gate(settings={"SP_LISTEN": f"127.0.0.1:{gate.port}"})
    try:
        second.launch()
        assert second.process.wait(60) != 0
        assert "SP_LISTEN" in second.said("stderr")
    finally:
        second.end()
    assert call(gate).status == 200


def test_run_refuses_a_state_in_use(gate):
    second = Gate(state=gate.state)
    try:
        second.launch()
        assert second.process.wait(60) != 0
        assert "SP_STATE" in second.said("stderr")
    finally:
        second.end()
    assert call(gate).status == 200


# ------------------------------------------------------------ one call by hand

def test_call_prints_what_the_tool_says(gate):
    done = gate.run("call", "get_customer_info", "customer_id=ABC12345")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["customer_id"] == "ABC12345"
    done = gate.run("call", "--client", "bench", "calculate_account_value",
                    "customer_id=ABC12345", "amounts:=[0.5, 2]")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments, status, says", [
    (["get_customer_info", "customer_id=x"], 1, "customer_id"),
    (["get_customer_info", "customer_id=ZZZ99999"], 1, "Nothing was found"),
    (["no_such_tool"], 1, "no tool of this name"),
    (["--scope", "customer:read", "create_support_ticket"], 1, "403"),
    (["get_customer_info", "customer_id"], 78, "KEY=TEXT"),
    (["get_customer_info", "customer_id:=x"], 78, "no JSON"),
    ([], 2, "usage"), (["--scope"], 2, "usage"), (["a b"], 2, "usage"),
])
def test_call_says_what_is_wrong(gate, arguments, status, says):
    done = gate.run("call", *arguments)
    assert done.returncode == status
    assert says in done.stderr, done.stderr
    assert done.stdout == ""


# --------------------------------------------------------------------- clients

def test_a_client_comes_changes_and_goes():
    """Without a restart, and without an edit by hand."""
    def grant(secret):
        return gate.grant("grant_type=client_credentials", "robot", secret)

    def do(*arguments):
        done = gate.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # Any edit gives the gate a configuration of its own.
    with Gate(edit={"auth.yaml": lambda t: t + "# the end\n"}) as gate:
        gate.await_ready()
        auth = gate.pid("auth")
        before = (gate.config / "auth.yaml").read_text()
        said = do("client", "add", "robot", "--scope", "customer:read llm:chat")
        first = gate.secret("robot")
        assert "robot.secret" in said and "reload" in said
        assert first not in said
        do("reload")
        token = do("token", "--client", "robot").strip()
        assert gate.post("/mcp", rpc.call(*rpc.CUSTOMER),
                         token=token).status == 200
        assert gate.post("/mcp", rpc.call(*rpc.TICKET),
                         token=token).status == 403
        assert re.search(r"robot +here +customer:read llm:chat\n",
                         do("client", "list"))
        do("client", "rotate", "robot")
        second = gate.secret("robot")
        assert grant(first).status == 200, "until the reload"
        do("reload")
        assert grant(first).status == 401
        assert grant(second).status == 200
        do("client", "remove", "robot")
        do("reload")
        assert grant(second).status == 401
        assert gate.post("/mcp", rpc.call(*rpc.CUSTOMER),
                         token=token).status == 401
        assert (gate.config / "auth.yaml").read_text() == before
        assert not list(gate.state.rglob("robot*"))
        assert gate.pid("auth") == auth, "no restart"


@pytest.mark.parametrize("arguments, says", [
    (["add", "demo", "--scope", "llm:chat"], "there is a client of this name"),
    (["add", "robot", "--scope", "no:such"], "no:such"),
    (["add", "robot", "--scope", ""], "nothing was changed"),
    (["add", "robot"], "usage"), (["rotate"], "usage"), ([], "usage"),
    (["add", "../robot", "--scope", "llm:chat"], "give a client a name"),
    (["rotate", "robot"], "no such client"),
    (["remove", "robot"], "no such client"),
])
def test_a_client_that_cannot_be_changes_nothing(idle, arguments, says):
    tried = Gate(edit={"auth.yaml": lambda t: t + "# the end\n"},
                 state=idle.state)
    try:
        before = (tried.config / "auth.yaml").read_text()
        done = tried.run("client", *arguments)
        assert done.returncode != 0
        assert says in done.stdout + done.stderr
        assert (tried.config / "auth.yaml").read_text() == before
        assert not list(idle.state.rglob("*robot*"))
    finally:
        tried.end()


# ----------------------------------------------------------------- the machine

def test_doctor_finds_nothing(gate):
    done = gate.run("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for service in SERVICES:
        assert service in done.stdout
    assert call(gate).status == 200


def test_doctor_finds_a_readable_key(own_gate):
    key = own_gate.state / "keys" / "auth" / "passport.key"
    key.chmod(0o644)
    done = own_gate.run("doctor")
    assert done.returncode != 0
    assert "passport.key" in done.stdout + done.stderr


def put_own_certificate(state, days):
    """What a company's CA would give: a chain of two."""
    edge = state / "keys" / "edge"
    scratch = state.parent

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=scratch, check=True,
                       capture_output=True)

    (scratch / "names").write_text("subjectAltName=DNS:localhost\n")
    (scratch / "sign").write_text("basicConstraints=critical,CA:TRUE\n")
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "root.key", "-out",
            "root.pem", "-subj", "/CN=A company", "-days", "3000")
    openssl("req", *new_key, "-keyout", "middle.key", "-out", "middle.csr",
            "-subj", "/CN=A department")
    openssl("x509", "-req", "-in", "middle.csr", "-CA", "root.pem", "-CAkey",
            "root.key", "-CAcreateserial", "-extfile", "sign", "-days", "2000",
            "-out", "middle.pem")
    openssl("req", *new_key, "-keyout", "leaf.key", "-out", "leaf.csr",
            "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "middle.pem", "-CAkey",
            "middle.key", "-CAcreateserial", "-extfile", "names", "-days",
            str(days), "-out", "leaf.pem")
    pems = [(scratch / name).read_text() for name in ("leaf.pem", "middle.pem")]
    (edge / "tls.pem").write_text("".join(pems))
    (edge / "tls.key").write_text((scratch / "leaf.key").read_text())
    return (edge / "tls.pem").read_bytes(), scratch / "root.pem"


def test_a_gate_with_a_certificate_of_the_operators_own():
    gate = Gate(own_keys=True)
    try:
        assert gate.run("init").returncode == 0
        chain, root = put_own_certificate(gate.state, 500)
        gate.start()  # though ca.pem has not signed it
        gate.token()
        done = gate.run("doctor")
        assert done.returncode == 1 and "put its certificate" in done.stdout
        gate.ca.write_bytes(root.read_bytes())
        gate.await_ready()
        done = gate.run("doctor")
        assert done.returncode == 0, done.stdout
        assert "your own, is for localhost and good for" in done.stdout
        gate.stop()
        assert (gate.state / "keys" / "edge" / "tls.pem").read_bytes() == chain
        assert gate.ca.read_bytes() == root.read_bytes()
        # Its end is no reason to stay away, which would be worse.
        chain, root = put_own_certificate(gate.state, 5)
        gate.start()
        done = gate.run("doctor")
        assert done.returncode == 1 and "your own, ends in" in done.stdout
        gate.stop()
        (gate.state / "keys" / "edge" / "tls.key").unlink()
        done = gate.run("run")
        assert done.returncode == 78
        assert "tls.key is missing" in done.stderr
        assert (gate.state / "keys" / "edge" / "tls.pem").read_bytes() == chain
    finally:
        gate.end()


def test_a_lost_server_key_is_mended_at_the_start():
    gate = Gate()
    try:
        assert gate.run("init").returncode == 0
        (gate.state / "keys" / "edge" / "tls.key").unlink()
        done = gate.run("doctor")
        assert done.returncode == 1
        assert "tls.key is missing" in done.stdout
        gate.start()
        gate.await_ready()
    finally:
        gate.end()


def test_keys_are_for_their_owner_only(gate):
    found = 0
    for path in (gate.state / "keys").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == 0o700, path
        elif path.suffix not in (".pem", ".public"):
            assert mode == 0o600, path
            found += 1
    assert found > 20
    assert stat.S_IMODE(gate.state.stat().st_mode) == 0o700


def test_no_process_leaves_a_core_file(gate):
    """From its first instruction on, not only once its jail is closed."""
    limits = {pid: Path(f"/proc/{pid}/limits").read_text()
              for pid in gate.pids()}
    assert len(limits) > len(SERVICES)
    for text in limits.values():
        line = next(l for l in text.splitlines() if l.startswith("Max core"))
        assert line.split()[4:6] == ["0", "0"]


def test_two_gates_run_side_by_side(gate):
    with Gate(own_keys=True) as other:
        other.await_ready()
        assert call(other).status == 200
        assert call(gate).status == 200
        foreign = other.token(client="bench")
        answer = gate.post("/mcp", rpc.call(*rpc.CUSTOMER), token=foreign,
                           source="127.0.0.105")
        assert answer.status == 401, "each has keys of its own"
    assert call(gate).status == 200


def test_a_second_start_keeps_everything():
    with Gate() as gate:
        gate.await_ready()
        ca, secret = gate.ca.read_bytes(), gate.secret()
        ticket = rpc.result(gate.mcp(rpc.call(*rpc.TICKET)))
        token = gate.token(client="bench")
        gate.stop()
        gate.start()
        gate.await_ready()
        assert (gate.ca.read_bytes(), gate.secret()) == (ca, secret)
        assert gate.post("/mcp", rpc.call(*rpc.CUSTOMER),
                         token=token).status == 200
        again = rpc.result(gate.mcp(rpc.call(*rpc.TICKET)))
        assert (again["structuredContent"]["ticket_id"] !=
                ticket["structuredContent"]["ticket_id"])
        assert gate.run("audit", "verify").returncode == 0


def test_stop_ends_the_gate():
    with Gate() as gate:
        living = gate.pids()
        done = gate.run("stop")
        assert done.returncode == 0, done.stderr
        assert gate.process.wait(10) == 0
        assert eventually(lambda: all(birth(p) is None for p in living))
        gate.process = None


@pytest.mark.parametrize("command", ["init", "run"])
def test_a_state_that_others_may_have_filled_is_refused(command):
    """Who made it first may have put keys of his own there."""
    gate = Gate()
    try:
        gate.state.mkdir()
        gate.state.chmod(0o777)
        done = gate.run(command)
        assert done.returncode == 78
        assert "others may write there" in done.stderr
        if os.geteuid() == 0:
            gate.state.chmod(0o700)
            os.chown(gate.state, 65534, 65534)
            done = gate.run(command)
            assert done.returncode == 78
            assert "belongs to another user" in done.stderr
        assert list(gate.state.iterdir()) == []
    finally:
        gate.end()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_follows_no_link_that_a_service_has_made(idle, tmp_path):
    split = tmp_path / "split"
    for service in SERVICES:
        (split / service).mkdir(parents=True)
        os.chown(split / service, 65534, 65534)
    assert idle.run("init", "--split", str(split)).returncode == 0
    key = split / "auth" / "keys" / "auth" / "passport.key"
    assert key.stat().st_uid == 65534
    victim = tmp_path / "victim"
    victim.write_bytes(key.read_bytes())
    for link in (key.symlink_to, key.hardlink_to):
        key.unlink()
        link(victim)
        idle.run("init", "--split", str(split))
        assert victim.stat().st_uid == 0, link


@pytest.mark.parametrize("name", ["../edge/0", "", "a b", "x" * 40])
def test_a_replica_name_is_no_path(idle, name):
    done = subprocess.run(
        [str(PROGRAMS / "auth"), "--check", "--replica", name],
        cwd=idle.home, env=idle.environment, capture_output=True, text=True)
    assert done.returncode == 78
    assert "SP_REPLICA: give 1 to 32 letters" in done.stderr


@pytest.mark.parametrize("missing", ["init:", "edge:"])
def test_a_token_that_fails_leaves_no_secret_behind(idle, missing):
    """The client's secret is copied out of the Compose stack for a moment."""
    programs = idle.home / "bin"
    programs.mkdir(exist_ok=True)
    docker = programs / "docker"
    docker.write_text("#!/bin/sh\n"
                      f"case $3 in {missing}*) exit 1;; esac\n"
                      'echo a-secret-of-compose >"$4"\n')
    docker.chmod(0o755)
    before = set(Path("/tmp").glob("sallyport-token.*"))
    done = idle.run("token", "--compose", settings={
        "PATH": f"{programs}:{os.environ['PATH']}"})
    assert done.returncode == 78 and "docker compose cp" in done.stderr
    assert set(Path("/tmp").glob("sallyport-token.*")) <= before


def test_stop_believes_no_written_process_id(idle):
    """The id in a lock file may be old, and be another program's now."""
    idle.state.mkdir(exist_ok=True)
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        with open(idle.state / "run.lock", "w") as lock:
            lock.write(f"{bystander.pid}\n")
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            stopping = subprocess.Popen(
                [str(PROGRAMS / "sallyport"), "stop"], cwd=idle.home,
                env=idle.environment)
            hit = eventually(lambda: bystander.poll() is not None or
                             stopping.poll() is not None)
        assert hit and bystander.poll() is None
        assert stopping.wait(10) == 1  # no gate runs there
    finally:
        bystander.kill()
        bystander.wait()


def test_nothing_outlives_a_supervisor_that_is_killed():
    """A gate without its supervisor would serve on, and no command would know
    of it."""
    with Gate() as own:
        own.await_ready()
        living = {pid: birth(pid) for pid in own.pids()}
        supervisor = next(pid for pid in living if "s6-svscan" in
                          Path(f"/proc/{pid}/cmdline").read_text())
        os.kill(supervisor, signal.SIGKILL)
        assert own.process.wait(60) == 1
        left = [pid for pid, born in living.items() if birth(pid) == born]
        own.kill(left)
        own.process = None
        assert not left, own.tail()


def test_a_request_in_flight_is_answered_before_the_end():
    """SIGTERM drains: no client that has asked is left without an answer."""
    from concurrent.futures import ThreadPoolExecutor

    with Gate() as gate:
        gate.await_ready()
        gate.token(client="bench")
        connections = [gate.connect() for _ in range(8)]
        for connection in connections:
            assert gate.mcp(rpc.call(*rpc.CUSTOMER),
                            connection=connection).status == 200
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(gate.mcp, rpc.call(*rpc.VALUE),
                                 connection=c) for c in connections]
            gate.stop()
            # Those that came before the signal, or not at all.
            for one in asked:
                try:
                    assert one.result().status in (200, 503)
                except (ConnectionError, ssl.SSLEOFError):
                    pass
                except json.JSONDecodeError:
                    pytest.fail("half an answer")
        for connection in connections:
            connection.close()
