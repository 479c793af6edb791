"""Clients that mean harm, beside others that must not notice."""

import contextlib
import json
import socket
import threading

import rpc
from gate import Gate, eventually
from test_http import connected, head, limits

HONEST = 10
HOSTILE = 3
# What fits into one TLS record.
RECORD = 16300


class Crowd:
    """Honest clients that call without a pause; what they did not get."""

    def __init__(self, gate):
        self.gate = gate
        self.over = threading.Event()
        self.good = 0
        self.bad = []
        self.threads = [threading.Thread(target=self.work, daemon=True)
                        for _ in range(HONEST)]

    def __enter__(self):
        self.gate.token(client="bench")
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(60)

    def work(self):
        connection = self.gate.connect(timeout=30)
        while not self.over.is_set():
            try:
                answer = self.gate.mcp(rpc.call(*rpc.VALUE),
                                       connection=connection)
            except OSError as error:
                self.bad.append(repr(error))
                connection = self.gate.connect(timeout=30)
                continue
            if answer.status == 200:
                self.good += 1
            else:
                self.bad.append(repr(answer))
                connection = self.gate.connect(timeout=30)
        connection.close()


def too_long(gate):
    """Headers beyond every bound, in one record: the gate reads it in pieces,
    and works for others in between."""
    begin = (f"GET /healthz HTTP/1.1\r\nHost: {gate.authority}\r\n"
             "X-Long: ").encode()
    return begin.ljust(RECORD, b"a")


def test_a_refusal_meets_only_the_one_that_it_is_for():
    """What the HTTP library refuses by itself is answered in its place: never
    on the connection of another client, who would lose his own answer."""
    with Gate() as gate:
        gate.await_ready()
        raw, tls, refused = too_long(gate), gate.tls(), []

        def attack(crowd):
            while not crowd.over.is_set():
                with socket.create_connection(
                        ("127.0.0.1", gate.port), timeout=20) as tcp, \
                        tls.wrap_socket(tcp, server_hostname="localhost") as s:
                    s.sendall(raw)
                    refused.append(s.recv(12))

        with Crowd(gate) as crowd:
            hostile = [threading.Thread(target=attack, args=(crowd,))
                       for _ in range(HOSTILE)]
            for thread in hostile:
                thread.start()
            assert eventually(lambda: crowd.bad or (
                crowd.good > 1500 and len(refused) > 150), 60)
        for thread in hostile:
            thread.join(30)
        assert not crowd.bad, crowd.bad[:3]
        assert set(refused) == {b"HTTP/1.1 431"}


def test_refusals_do_not_fill_the_disk(own_gate):
    """A stranger's refusals are all counted, not all written down."""
    requests = 1500
    connection = own_gate.connect(timeout=30)
    for _ in range(requests):
        assert own_gate.get("/nothing", connection=connection).status == 404
    connection.close()

    def told():
        rows = [r["detail"] for r in own_gate.audit()
                if r["kind"] == "request_refused" and r["status"] == 404]
        held = [int(d.partition("held_back=")[2]) for d in rows
                if d.startswith("held_back=")]
        return len(rows) - len(held), sum(held)

    assert eventually(lambda: sum(told()) == requests), told()
    assert told()[0] < requests / 2


def test_one_address_does_not_take_all_room_for_bodies():
    """Bodies that never end fill the room that all bodies share: only that of
    their sender."""
    room, size = 8388608, 60000
    with Gate(edit=limits(bodies_bytes=room)) as gate, \
            contextlib.ExitStack() as held:
        gate.await_ready()
        begin = head(gate, "POST /mcp HTTP/1.1",
                     f"Content-Length: {size + 1}") + b"x" * size
        for _ in range(room // size + 5):
            held.enter_context(connected(gate, source="127.0.0.9")).sendall(
                begin)
        body = json.dumps(rpc.call(*rpc.VALUE)).ljust(size * 2)
        assert gate.mcp(body).status == 200
        assert gate.mcp(body, source="127.0.0.9").status == 503
