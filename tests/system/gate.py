"""A gate of one's own: `sallyport run` on free ports with a state directory of
its own, and the few words of HTTP that the tests need to talk to it."""

import atexit
import base64
import functools
import http.client
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("SP_TEST_PROGRAMS", ROOT / "build" / "release"))
CONFIG = ROOT / "deploy" / "config"
SERVICES = ["edge", "auth", "validation", "ratelimit", "tools", "llm",
            "monitor"]

READY_S = 40
STOP_S = 60
ANSWER_S = 70  # longer than the gate's own longest deadline for /mcp
LOOK_S = 0.02
# Below those that the kernel gives to connections: until the gate listens,
# nobody else gets the port by chance.
PORTS = range(10000, 32768)


def free_port():
    """A port that nobody has right now. It is drawn, since others may look for
    one at the same time."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def eventually(what, seconds=15):
    """Asks until the answer is true or the time is over; the last answer."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(LOOK_S)


def birth(pid):
    """The start time of a process in clock ticks, None where it is gone: with
    the pid it names one process for good."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def family(pid, meet=lambda pid: None):
    """The process and its descendants; `meet` is called with each of them
    before its children are looked for."""
    found = [pid]
    try:
        meet(pid)
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child), meet)
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


@functools.cache
def ready_state():
    """A state directory with all keys and a CA, made once for all gates that
    need none of their own."""
    home = Path(tempfile.mkdtemp(prefix="sallyport-state-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    maker = Gate(state=home / "state")
    try:
        done = maker.run("init")
        assert done.returncode == 0, done.stderr
    finally:
        maker.end()
    return maker.state


class Answer:
    """What came back. Header names are in lower case."""

    def __init__(self, status, headers, body):
        self.status = status
        self.header_list = [(n.lower(), v) for n, v in headers]
        self.headers = dict(self.header_list)
        self.body = body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:600]!r}>"


def mcp_headers(body):
    """What a client of the stateless version sends beside such a body."""
    meta = (body.get("params") or {}).get("_meta") or {}
    version = meta.get("io.modelcontextprotocol/protocolVersion")
    if not isinstance(version, str):
        return {}
    found = {"MCP-Protocol-Version": version, "Mcp-Method": body["method"]}
    if "name" in body["params"]:
        found["Mcp-Name"] = body["params"]["name"]
    return found


class Gate:
    """with Gate("tools=2", settings={...}, edit={file: function}) as gate:

    Extra arguments go to `sallyport run`. `edit` gets the text of a file of
    deploy/config and gives the text that this gate is to read. `state` is a
    state directory to go on with; it is then kept. A gate without one starts
    on a copy of keys that others have too, but where it is to make its own.

    At the end of the block all of it is killed: where its stop matters, the
    test calls stop().
    """

    def __init__(self, *counts, settings=None, edit=None, state=None,
                 own_keys=False):
        self.counts = counts
        self.home = Path(tempfile.mkdtemp(prefix="sallyport-gate-"))
        self.own_keys = own_keys
        self.state = Path(state) if state else self.home / "state"
        self.port = free_port()
        self.metrics_port = free_port()
        self.authority = f"localhost:{self.port}"
        self.url = f"https://{self.authority}"
        self.ca = self.state / "ca.pem"
        self.tokens = {}
        self.process = None
        self.config = self.write_config(edit) if edit else CONFIG
        self.environment = {
            name: value for name, value in os.environ.items()
            if not name.startswith("SP_")
        }
        self.environment.update({
            "SP_URL": self.url,
            "SP_LISTEN": f"127.0.0.1:{self.port}",
            "SP_METRICS_LISTEN": f"127.0.0.1:{self.metrics_port}",
            "SP_STATE": str(self.state),
            "SP_CONFIG": str(self.config),
            **(settings or {}),
        })

    def write_config(self, edit):
        home = self.home / "config"
        shutil.copytree(CONFIG, home)
        for name, change in edit.items():
            before = (home / name).read_text()
            after = change(before)
            assert after != before, f"the edit of {name} changes nothing"
            (home / name).write_text(after)
        return home

    # ------------------------------------------------------------ life

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def launch(self):
        """Starts the process and waits for nothing."""
        if not self.own_keys and not self.state.exists():
            shutil.copytree(ready_state(), self.state)
        with open(self.home / "stdout", "wb") as out, \
                open(self.home / "stderr", "wb") as err:
            self.process = subprocess.Popen(
                [str(PROGRAMS / "sallyport"), "run", *self.counts],
                cwd=self.home, env=self.environment, stdout=out, stderr=err,
                stdin=subprocess.DEVNULL, start_new_session=True)

    def start(self):
        self.launch()
        ready = eventually(
            lambda: "Sallyport is ready at" in self.said("stdout") or
            self.process.poll() is not None, READY_S)
        assert ready and self.process.poll() is None, (
            f"no gate (status {self.process.poll()}): {self.tail()}")

    def stop(self):
        """Ends it as an operator would, and looks at what is left."""
        living = {pid: birth(pid) for pid in self.pids()}
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            status = None
        left = [pid for pid, born in living.items()
                if born is not None and birth(pid) == born]
        tail = self.tail()
        self.kill(left)
        self.process = None
        assert status == 0, f"run ended with {status}: {tail}"
        assert not left, f"processes {left} were left: {tail}"

    def kill(self, pids):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def end(self):
        """Leaves nothing, whatever state the test left things in."""
        if self.process is not None and self.process.poll() is None:
            # A supervisor that is stopped starts nothing anew.
            living = family(self.process.pid,
                            lambda pid: os.kill(pid, signal.SIGSTOP))
            self.kill(living)
            self.process.wait()
            eventually(lambda: all(birth(pid) is None for pid in living))
        self.process = None
        if os.environ.get("SP_TEST_KEEP") != "1":
            shutil.rmtree(self.home, ignore_errors=True)

    # ----------------------------------------------------------- output

    def said(self, stream):
        return (self.home / stream).read_text(errors="replace")

    def tail(self):
        return "".join(f"\n--- {s}\n{self.said(s)[-3000:]}"
                       for s in ("stdout", "stderr"))

    # ------------------------------------------------------- operator

    def run(self, *arguments, settings=None):
        """A command of sallyport's; the finished process."""
        return subprocess.run(
            [str(PROGRAMS / "sallyport"), *arguments], cwd=self.home,
            env={**self.environment, **(settings or {})},
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=120)

    def token(self, scope="", client="demo"):
        """A token; the same one for the same wish, so that tests stay fast."""
        wish = (scope, client)
        if wish not in self.tokens:
            done = self.run("token", "--client", client,
                            *(["--scope", scope] if scope else []))
            assert done.returncode == 0, done.stderr + self.tail()
            self.tokens[wish] = done.stdout.strip()
        return self.tokens[wish]

    def secret(self, client="demo"):
        return (self.state / "keys" / "operator" /
                f"{client}.secret").read_text().strip()

    def status(self):
        done = self.run("status", "--json")
        return json.loads(done.stdout) if done.stdout else []

    def replicas(self, service):
        return [r for r in self.status() if r["service"] == service]

    def pid(self, service, replica="0"):
        for row in self.replicas(service):
            if row["replica"] == replica:
                return row["pid"]
        return 0

    def all_ready(self, count=len(SERVICES)):
        rows = self.status()
        return len(rows) == count and all(r["ready"] for r in rows)

    def await_ready(self, count=len(SERVICES), seconds=30):
        """Until /readyz and the list of replicas agree that all is well."""
        assert eventually(lambda: self.get("/readyz").status == 200 and
                          self.all_ready(count), seconds), (
            f"{self.status()}{self.tail()}")

    def pids(self):
        return family(self.process.pid)

    # ----------------------------------------------------------- HTTP

    def tls(self):
        return ssl.create_default_context(cafile=str(self.ca))

    def connect(self, source=None, timeout=ANSWER_S):
        """A connection to be used for as many requests as one likes. `source`
        is the loopback address that it comes from."""
        return http.client.HTTPSConnection(
            "localhost", self.port, timeout=timeout, context=self.tls(),
            source_address=(source, 0) if source else None)

    def ask(self, method, path, body=None, headers=None, token=None,
            source=None, connection=None, timeout=ANSWER_S):
        """Sends exactly this; `body` is bytes, text, or what becomes JSON."""
        headers = dict(headers or {})
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        own = connection is None
        connection = connection or self.connect(source, timeout)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            if own:
                connection.close()

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, body, headers=None, **options):
        """JSON, with the headers that an MCP client would send."""
        parsed = json.loads(body) if isinstance(body, str) else body
        return self.ask("POST", path, body, {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **(mcp_headers(parsed) if isinstance(parsed, dict) else {}),
            **(headers or {}),
        }, **options)

    def mcp(self, body, scope="", client="bench", **options):
        """One MCP message with a token of the client that has no limits."""
        return self.post("/mcp", body, token=self.token(scope, client),
                         **options)

    def grant(self, form, client="demo", secret=None, source=None, **more):
        """POST /token with client_secret_basic."""
        name = client if secret is None else client
        pair = f"{name}:{secret or self.secret(client)}".encode()
        return self.ask("POST", "/token", form, {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": "Basic " + base64.b64encode(pair).decode(),
        }, source=source, **more)

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1",
                                                self.metrics_port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def audit(self):
        """The records of the audit trail."""
        lines = (self.state / "store" / "monitor" / "audit.log").read_text()
        return [json.loads(line) for line in lines.splitlines()
                if line.endswith("}")]

    def alerts(self, rule):
        return [line for line in self.said("stdout").splitlines()
                if " ALERT " in line and f" {rule}:" in line]
