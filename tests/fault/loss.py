"""kill -9 of one of two replicas, again and again, while clients call: what of
their calls was lost, doubled, or never answered. The tests kill each replica
once; `make bench` goes on to ten kills of each stage."""

import contextlib
import http.client
import os
import secrets
import signal
import sqlite3
import threading
import time

import rpc
from gate import SERVICES, Gate, birth, eventually

STAGES = ["auth", "validation", "ratelimit", "tools", "llm"]
KILLS = 10
READERS = 4
WRITERS = 4
# A replica that lives this long counts as healthy: its supervisor starts it
# again at once, not with a growing delay.
HEALTHY_S = 5.5
# Neighbours look for new replicas once a second; before, a replica lives but
# serves nobody.
KNOWN_S = 2.5
BACK_S = 20


class Tally:
    """What the clients saw during one phase."""

    def __init__(self):
        self.reads = 0
        self.read_failures = []
        self.silent = []
        self.acknowledged = {}  # ticket id: subject
        self.told = []  # tickets that were answered by an error
        self.sent = []  # subjects of all tickets
        self.back_s = []  # how long each killed replica was missed

    def add(self, other):
        """Takes another phase's part of the same story in."""
        self.reads += other.reads
        self.acknowledged.update(other.acknowledged)
        for name in ("read_failures", "silent", "told", "sent", "back_s"):
            getattr(self, name).extend(getattr(other, name))


class Load:
    """Clients that call without a pause until stopped."""

    def __init__(self, gate):
        self.gate = gate
        self.name = secrets.token_hex(4)  # no ticket of another load's
        self.tally = Tally()
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.count = 0
        self.gate.token(client="bench")
        self.threads = [
            threading.Thread(target=self.work, args=(one,), daemon=True)
            for one in [self.read] * READERS + [self.write] * WRITERS]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(120)

    def new_phase(self):
        """Calls that begin from now on count in a new tally."""
        with self.lock:
            self.tally = Tally()

    def work(self, one):
        connection = self.gate.connect()
        while not self.over.is_set():
            with self.lock:
                tally = self.tally
                self.count += 1
                number = self.count
            try:
                one(tally, connection, number)
            except TimeoutError:
                tally.silent.append(number)
            except (OSError, http.client.HTTPException) as error:
                # The edge broke off: seen by the client, but not an answer.
                tally.read_failures.append(f"connection: {error!r}")
                connection.close()
                connection = self.gate.connect()
        connection.close()

    def read(self, tally, connection, number):
        answer = self.gate.mcp(rpc.call(*rpc.VALUE, number=number),
                               connection=connection)
        tally.reads += 1
        said = answer.json()
        if answer.status != 200 or said["id"] != number or (
                said["result"]["structuredContent"]["total"] != 30000.3):
            tally.read_failures.append(repr(answer))

    def write(self, tally, connection, number):
        subject = f"{self.name}-{number}"
        body = rpc.call(rpc.TICKET[0], {**rpc.TICKET[1], "subject": subject},
                        number)
        tally.sent.append(subject)
        answer = self.gate.mcp(body, connection=connection)
        said = answer.json().get("result", {})
        if answer.status == 200 and not said.get("isError"):
            found = said["structuredContent"]
            tally.acknowledged[found["ticket_id"]] = found["subject"]
        else:
            tally.told.append(repr(answer))


def stored(gate):
    """[(ticket id, subject)] in the store itself."""
    ledger = gate.state / "store" / "tools" / "ledger.db"
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as db:
        return db.execute("SELECT ticket_id, subject FROM tickets").fetchall()


def twice(gate):
    subjects = [s for _, s in stored(gate)]
    return sorted({s for s in subjects if subjects.count(s) > 1})


def missing(gate, acknowledged):
    there = dict(stored(gate))
    return sorted(t for t, s in acknowledged.items() if there.get(t) != s)


def age_s(pid):
    born = birth(pid)
    if born is None:
        return 0
    with open("/proc/uptime", encoding="ascii") as f:
        return float(f.read().split()[0]) - born / os.sysconf("SC_CLK_TCK")


def serving(gate, service, besides):
    """The replicas that are ready; those killed before do not count."""
    return {r["replica"]: r["pid"] for r in gate.replicas(service)
            if r["ready"] and r["pid"] not in besides}


def kill_one(gate, service, replica, dead):
    """Kills a replica that has lived long enough, and waits for the next."""
    pid = serving(gate, service, dead)[replica]
    others = [p for p in serving(gate, service, dead).values() if p != pid]
    assert eventually(lambda: age_s(pid) >= HEALTHY_S and all(
        age_s(p) >= KNOWN_S for p in others), HEALTHY_S + 5)
    os.kill(pid, signal.SIGKILL)
    dead.add(pid)
    began = time.monotonic()
    assert eventually(lambda: len(serving(gate, service, dead)) == 2,
                      BACK_S), f"{service} is not back: {gate.status()}"
    return time.monotonic() - began


def in_turn(kills):
    """[(stage, replica)], so many of each stage. The stages take turns, so that
    a replica has its time to live while the others are killed."""
    return [(s, str(i % 2)) for i in range(kills) for s in STAGES]


def kill_all(gate, victims):
    """[(stage, Tally)], one for each kill."""
    phases = []
    dead = {stage: set() for stage in STAGES}
    with Load(gate) as load:
        for stage, replica in victims:
            load.new_phase()
            phases.append((stage, load.tally))
            back_s = kill_one(gate, stage, replica, dead[stage])
            load.tally.back_s.append(back_s)
    return phases


@contextlib.contextmanager
def doubled():
    """A gate with two replicas of each stage; it ends in good order."""
    with Gate(*[f"{s}=2" for s in STAGES]) as gate:
        gate.await_ready(len(SERVICES) + len(STAGES))
        yield gate
        gate.stop()


def run(gate, victims):
    """{stage: Tally} of these kills."""
    found = {stage: Tally() for stage, _ in victims}
    # A call counts for the phase in which it began, however late it ends.
    for stage, tally in kill_all(gate, victims):
        found[stage].add(tally)
    again, all_acknowledged = twice(gate), {}
    for tally in found.values():
        all_acknowledged.update(tally.acknowledged)
    lost = missing(gate, all_acknowledged)
    for tally in found.values():
        tally.twice = [s for s in again if s in set(tally.sent)]
        tally.missing = [t for t in lost if t in tally.acknowledged]
    return found


def measure(_options):
    """For tests/bench: the sums over all stages."""
    with doubled() as gate:
        found = run(gate, in_turn(KILLS))
    return {
        "kill9_reads_failed": [float(sum(
            len(t.read_failures) + len(t.silent) for t in found.values()))],
        "kill9_tickets_wrong": [float(sum(
            len(t.twice) + len(t.missing) for t in found.values()))],
    }
