"""Another configuration for a gate that runs: taken whole or not at all, by
each process between two requests; and processes started anew by turns."""

import http.client
import json
import os
import re
import signal
import ssl
import threading

import pytest

import rpc
from gate import CONFIG, SERVICES, Gate, birth, eventually, mcp_headers

RELOADS = 100
WORKERS = 4


def replaced(old, new):
    return lambda text: text.replace(old, new, 1)


def touched(text):
    return text + "# changed\n"


@pytest.fixture(scope="module")
def shared():
    with Gate(edit={"tools.yaml": touched}) as own:
        own.await_ready()
        yield own


@pytest.fixture
def changing(shared):
    """A gate with a configuration of its own, which a test may change; what it
    leaves changed is put back for the next one."""
    before = {p: p.read_text() for p in shared.config.iterdir()}
    yield shared
    changed = [p for p in before if p.read_text() != before[p]]
    for path in changed:
        path.write_text(before[path])
    if changed:
        reload(shared)


def change(gate, name, edit):
    """As an editor does it: a new file in the place of the old one."""
    path = gate.config / name
    before = path.read_text()
    after = edit(before)
    assert after != before, f"the edit of {name} changes nothing"
    fresh = gate.config / (name + ".new")
    fresh.write_text(after)
    fresh.replace(path)


def reload(gate):
    done = gate.run("reload")
    assert done.returncode == 0, done.stdout + done.stderr + gate.tail()
    return done.stdout


class Load:
    """Workers that call a tool over connections that they keep, until the
    block ends. What was not answered 200 is in `bad`.

    A connection that the gate announced to close is opened anew, and so is
    one that could not be made: no request has been sent on it yet."""

    def __init__(self, gate):
        self.gate = gate
        self.over = threading.Event()
        self.bad = []
        self.good = 0
        self.body = rpc.call(*rpc.CUSTOMER)
        self.headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": "Bearer " + gate.token(client="bench"),
            **mcp_headers(self.body)}
        self.text = json.dumps(self.body).encode()
        self.threads = [threading.Thread(target=self.work, daemon=True)
                        for _ in range(WORKERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(60)

    def connect(self):
        for left in range(20, -1, -1):
            connection = self.gate.connect(timeout=40)
            try:
                connection.connect()
                return connection
            except (ConnectionError, ssl.SSLError):
                if left == 0:
                    raise
        return None

    def work(self):
        connection = self.connect()
        while not self.over.is_set():
            try:
                connection.request("POST", "/mcp", self.text, self.headers)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.bad.append(repr(error))
                connection = self.connect()
                continue
            if answer.status == 200 and b'"ABC12345' in text:
                self.good += 1
            else:
                self.bad.append((answer.status, text[:300]))
            if answer.getheader("connection", "").lower() == "close":
                connection.close()
                connection = self.connect()
        connection.close()


# ---------------------------------------------------------------------- taken

def test_a_hundred_reloads_under_load_fail_no_request(changing):
    """By the signal alone: `sallyport reload` would check first each time."""
    pids = {s: changing.pid(s) for s in SERVICES}
    seen = len(changing.audit())
    with Load(changing) as load:
        assert eventually(lambda: load.good > 20)
        for n in range(RELOADS):
            change(changing, "tools.yaml", lambda text: text + f"# {n}\n")
            for pid in pids.values():
                os.kill(pid, signal.SIGHUP)
            calls = load.good
            assert eventually(lambda: load.good > calls or load.bad)
        versions = {r["service"]: r["config"] for r in changing.status()}
        calls = load.good
        assert eventually(lambda: load.good > calls + 20 or load.bad)
    assert not load.bad, load.bad[:5]
    assert {s: changing.pid(s) for s in SERVICES} == pids
    assert all(len(v) == 16 for v in versions.values()), versions
    reloads = [line for line in changing.metrics().text.splitlines()
               if line.startswith("sallyport_config_reloads_total{")]
    assert len(reloads) == 2 * len(SERVICES)
    reload(changing)
    assert not [r for r in changing.audit()[seen:]
                if r["kind"] == "config_refused"]


def test_replicas_with_the_same_files_have_the_same_version():
    with Gate("validation=2", edit={"tools.yaml": touched}) as gate:
        gate.await_ready(8)
        before = {r["config"] for r in gate.replicas("validation")}
        change(gate, "tools.yaml", touched)
        said = reload(gate)
        after = {r["config"] for r in gate.replicas("validation")}
        assert len(before) == len(after) == 1 and before != after
        for replica in ("validation.0", "validation.1"):
            assert f"ok   {replica}: configuration {after.copy().pop()}" in said
        told = eventually(lambda: [
            r for r in gate.audit() if r["kind"] == "config_reloaded" and
            f"old={before.pop() if before else ''}" in r["detail"]])
        assert told


def test_a_changed_description_is_shown(changing):
    def shown():
        tools = rpc.result(changing.mcp(rpc.request("tools/list")))["tools"]
        return {t["name"]: t["description"] for t in tools}

    old = shown()["get_customer_info"]
    change(changing, "tools.yaml", replaced(old[:20], "Quite new. " + old[:20]))
    assert shown()["get_customer_info"] == old
    reload(changing)
    assert shown()["get_customer_info"].startswith("Quite new. ")


def test_a_new_tool_is_offered_and_an_old_one_goes(changing):
    """The list is asked for all the time: between validation and tools there
    is a moment with two catalogues, which no client may notice."""
    text = (changing.config / "tools.yaml").read_text()
    first = text.index("  - name: get_customer_info")
    tool = text[first:text.index("  - name: ", first + 5)]
    more = tool.replace("get_customer_info", "get_customer_again")
    names = lambda: {t["name"] for t in rpc.result(changing.mcp(
        rpc.request("tools/list")))["tools"]}
    bad, over = [], threading.Event()

    def ask():
        while not over.is_set():
            answer = changing.mcp(rpc.request("tools/list"))
            if answer.status != 200 or "result" not in answer.json():
                bad.append(answer)

    names()
    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(5):
        change(changing, "tools.yaml", lambda t: t.replace(tool, tool + more))
        reload(changing)
        assert "get_customer_again" in names()
        change(changing, "tools.yaml", lambda t: t.replace(more, ""))
        reload(changing)
        assert "get_customer_again" not in names()
    over.set()
    asking.join(60)
    assert not bad, bad[:3]


def test_a_changed_limit_counts_and_the_counts_stay(changing):
    ask = lambda: changing.post("/mcp", rpc.call(*rpc.CUSTOMER),
                                token=changing.token()).status
    text = (changing.config / "ratelimit.yaml").read_text()
    tier = text[text.index("  - name: standard"):].partition("\n\n")[0]
    wide = re.sub(r"(requests|burst): (\d+)", r"\1: \g<2>000", tier)
    small = re.sub(r"(requests|burst): \d+", r"\1: 1", tier)
    assert ask() == 200
    change(changing, "ratelimit.yaml", lambda t: t.replace(tier, small))
    reload(changing)
    assert eventually(lambda: ask() == 200), "one in a minute"
    assert ask() == 429
    change(changing, "ratelimit.yaml", touched)
    reload(changing)
    assert ask() == 429, "a reload gave a new burst"
    change(changing, "ratelimit.yaml", lambda t: t.replace(small, wide))
    reload(changing)
    assert ask() == 200


def test_a_removed_client_is_out_and_can_come_back(changing):
    token = changing.token(client="bench")
    ask = lambda: changing.post("/mcp", rpc.call(*rpc.CUSTOMER), token=token)
    assert ask().status == 200, "so that the token is remembered"
    text = (changing.config / "auth.yaml").read_text()
    bench = text[text.index("  # For load tests."):]
    assert "id: bench" in bench
    tier = "  - { client: bench, tier: load }\n"
    change(changing, "auth.yaml", lambda t: t.replace(bench, ""))
    assert "clients[1].client is bench" in changing.run("reload").stdout
    change(changing, "ratelimit.yaml", replaced(tier, ""))
    reload(changing)
    assert ask().status == 401
    assert changing.grant("grant_type=client_credentials",
                          "bench").status == 401
    change(changing, "auth.yaml", lambda t: t + bench)
    change(changing, "ratelimit.yaml", lambda t: t + tier)
    reload(changing)
    assert ask().status == 200
    assert changing.grant("grant_type=client_credentials",
                          "bench").status == 200


def test_a_narrowed_client_loses_the_scope_at_once(changing):
    token = changing.token(client="bench")
    ask = lambda: changing.post("/mcp", rpc.call(*rpc.CUSTOMER), token=token)
    assert ask().status == 200
    change(changing, "auth.yaml", lambda t: t[:t.index("  - id: bench")] +
           t[t.index("  - id: bench"):].replace("      - customer:read\n", ""))
    reload(changing)
    assert ask().status == 403


def test_a_changed_alert_rule_works(changing):
    bad = lambda source: changing.post(
        "/mcp", rpc.call(*rpc.CUSTOMER), token="not.a.token", source=source)
    change(changing, "monitor.yaml", replaced("    count: 5", "    count: 2"))
    reload(changing)
    bad("127.0.0.77")
    bad("127.0.0.77")
    assert eventually(lambda: any(
        "address=127.0.0.77" in line
        for line in changing.alerts("repeated_bad_tokens")))


def test_the_edge_learns_another_host(changing):
    ask = lambda: changing.get("/healthz", headers={"Host": "other.example"})
    assert ask().status == 421 or ask().status == 403 or ask().status == 400
    text = (changing.config / "edge.yaml").read_text()
    name = "hosts: [other.example]\n"
    if "\nhosts:" in text:
        line = text[text.index("\nhosts:") + 1:].partition("\n")[0]
        change(changing, "edge.yaml", replaced(line + "\n", name))
    else:
        change(changing, "edge.yaml", lambda t: t + name)
    reload(changing)
    assert ask().status == 200


# -------------------------------------------------------------------- refused

REFUSED = [
    ("tools.yaml", "    cost: 100", "    price: 100", "tools"),
    ("auth.yaml", "  lifetime_s: 900", "  lifetime_s: 5", "auth"),
    ("edge.yaml", "  headers_ms: 10000", "  headers_ms: 1", "edge"),
    ("validation.yaml", "  depth: 128", "  depth: 1", "validation"),
    ("ratelimit.yaml", "default_tier: standard", "default_tier: none",
     "ratelimit"),
    ("llm.yaml", "  calls: 256", "  calls: 0", "llm"),
    ("monitor.yaml", "  sync_ms: 50", "  sync_ms: 51", "monitor"),
    ("tools.yaml", "    scope: customer:read", "    scope: customer:reed",
     "tools"),
    ("ratelimit.yaml", "client: demo", "client: dem0", "ratelimit"),
    ("monitor.yaml", "kinds: [token_refused]", "kinds: [token_refuse]",
     "monitor"),
]


@pytest.mark.parametrize("name, old, new, service", REFUSED)
def test_a_bad_file_changes_nothing_and_is_told(changing, name, old, new,
                                                service):
    def row():
        return changing.replicas(service)[0]

    before = row()
    change(changing, name, replaced(old, new))
    text = (changing.config / name).read_text()
    place = f"{name}:{text[:text.index(new)].count(chr(10)) + 1}"
    done = changing.run("reload")
    assert done.returncode == 1
    assert place in done.stdout, done.stdout
    assert "nothing was sent" in done.stderr
    assert row()["config_error"] == "", "it was not even asked"
    os.kill(before["pid"], signal.SIGHUP)
    assert eventually(lambda: place in row()["config_error"]), row()
    assert row()["config"] == before["config"]
    assert row()["pid"] == before["pid"]
    assert place in changing.run("status").stdout
    assert eventually(lambda: [
        r for r in changing.audit() if r["kind"] == "config_refused" and
        place in r["detail"]])
    assert changing.get("/readyz").status == 200
    assert changing.mcp(rpc.call(*rpc.CUSTOMER)).status == 200
    change(changing, name, replaced(new, old))
    reload(changing)
    assert row()["config_error"] == ""
    assert row()["config"] == before["config"]


FROZEN = [
    ("edge.yaml", "  connections: 12000", "  connections: 12001", "edge"),
    ("ratelimit.yaml", "entries: 65536", "entries: 65537", "ratelimit"),
    ("validation.yaml", "  remembered: 16384", "  remembered: 16385",
     "validation"),
    ("llm.yaml", ":11434/v1", ":11435/v1", "llm"),
    ("auth.yaml", "  signing_key: es256", "  signing_key: none", "auth"),
]


@pytest.mark.parametrize("name, old, new, service", FROZEN)
def test_what_only_a_start_can_change_says_so(changing, name, old, new,
                                              service):
    pid = changing.pid(service)
    change(changing, name, replaced(old, new))
    os.kill(pid, signal.SIGHUP)
    told = eventually(lambda: changing.replicas(service)[0]["config_error"])
    assert f"sallyport restart {service}" in told and f"{name}:" in told
    change(changing, name, replaced(new, old))
    reload(changing)
    assert changing.pid(service) == pid


def test_a_missing_file_is_refused(changing):
    path = changing.config / "ratelimit.yaml"
    path.rename(changing.config / "elsewhere")
    os.kill(changing.pid("ratelimit"), signal.SIGHUP)
    assert eventually(lambda: "ratelimit.yaml" in changing.replicas(
        "ratelimit")[0]["config_error"])
    assert changing.mcp(rpc.call(*rpc.CUSTOMER)).status == 200
    (changing.config / "elsewhere").rename(path)
    reload(changing)


def test_reload_without_a_gate_says_so():
    idle = Gate()
    try:
        assert idle.run("init").returncode == 0
        for command in ("reload", "restart"):
            done = idle.run(command)
            assert done.returncode != 0, command
            assert "no gate" in done.stderr, command
    finally:
        idle.end()


def test_the_configuration_may_not_hold_the_keys(tmp_path):
    """Every process may read all of SP_CONFIG, at any time."""
    for path in CONFIG.iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    gate = Gate(settings={"SP_CONFIG": str(tmp_path)},
                state=tmp_path / "state")
    try:
        gate.launch()
        assert gate.process.wait(60) != 0
        assert "SP_CONFIG" in gate.said("stderr")
    finally:
        gate.end()


# -------------------------------------------------------------------- signals

def test_a_hangup_of_run_reloads_everything(changing):
    before = {r["service"]: r["config"] for r in changing.status()}
    change(changing, "tools.yaml", touched)
    os.kill(changing.process.pid, signal.SIGHUP)
    assert eventually(lambda: {
        r["service"] for r in changing.status()
        if r["config"] != before[r["service"]]} == {"validation", "tools"})
    assert changing.process.poll() is None
    assert changing.all_ready()


def test_a_hangup_of_one_process_reloads_that_one(changing):
    before = {r["service"]: r["config"] for r in changing.status()}
    change(changing, "tools.yaml", touched)
    os.kill(changing.pid("tools"), signal.SIGHUP)
    assert eventually(lambda: changing.replicas("tools")[0]["config"] !=
                      before["tools"])
    assert (changing.replicas("validation")[0]["config"] ==
            before["validation"])


# -------------------------------------------------------------------- restart

@pytest.mark.parametrize("services", [SERVICES[:3], SERVICES[3:]])
def test_restarts_by_turns_fail_no_request(changing, services):
    """The edge too, with a single replica of each."""
    before = {s: changing.pid(s) for s in services}
    with Load(changing) as load:
        assert eventually(lambda: load.good > 20)
        done = changing.run("restart", *services)
        calls = load.good
        assert eventually(lambda: load.good > calls + 20 or load.bad)
    assert done.returncode == 0, done.stdout + done.stderr + changing.tail()
    assert not load.bad, load.bad[:5]
    assert [l for l in done.stdout.splitlines()] == [
        f"ok   {s}.0" for s in services]
    for service, pid in before.items():
        assert changing.pid(service) != pid, service
        assert birth(pid) is None, service
    changing.await_ready()


def test_restart_takes_what_only_a_start_can_change(changing):
    change(changing, "ratelimit.yaml", replaced("entries: 65536",
                                                "entries: 65537"))
    assert changing.run("reload").returncode == 1
    done = changing.run("restart", "ratelimit")
    assert done.returncode == 0, done.stdout + done.stderr
    reload(changing)
    change(changing, "ratelimit.yaml", replaced("entries: 65537",
                                                "entries: 65536"))
    assert changing.run("restart", "ratelimit").returncode == 0


def test_restart_refuses_a_bad_configuration(changing):
    before = {s: changing.pid(s) for s in SERVICES}
    change(changing, "llm.yaml", replaced("  calls: 256", "  calls: 0"))
    done = changing.run("restart", "llm")
    assert done.returncode == 1
    assert "llm.yaml:" in done.stdout
    assert {s: changing.pid(s) for s in SERVICES} == before


@pytest.mark.parametrize("command", [["restart", "llm"], ["reload"]])
def test_a_process_that_refused_its_configuration_is_revived(changing,
                                                             command):
    change(changing, "llm.yaml", replaced("  calls: 256", "  calls: 0"))
    os.kill(changing.pid("llm"), signal.SIGKILL)
    assert eventually(lambda: "refused to start" in changing.replicas("llm")[
        0]["last_error"])
    change(changing, "llm.yaml", replaced("  calls: 0", "  calls: 256"))
    done = changing.run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    changing.await_ready()
