"""validation is scaled up and down under streams and calls: every answer finds
the replica that knows its question, and a replica that leaves keeps its
streams until they end."""

import asyncio
import json
import re
import threading

import rpc
from gate import Gate, eventually
from upstream import Upstream

STREAMS = 200
WORDS = 12
CALLS_A_SECOND = 50
STEP_S = 0.5
CHAT = json.dumps({"model": "tiny", "stream": True,
                   "messages": [{"role": "user", "content": "Hi"}]}).encode()


async def stream(gate, token, tls):
    """Reads one stream to its end; the bytes of the whole answer."""
    reader, writer = await asyncio.open_connection(
        "localhost", gate.port, ssl=tls)
    writer.write((
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {gate.authority}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        "Accept: text/event-stream\r\nConnection: close\r\n"
        f"Content-Length: {len(CHAT)}\r\n\r\n").encode() + CHAT)
    try:
        return await reader.read(-1)
    finally:
        writer.close()


async def streams(gate, token):
    tls = gate.tls()
    return await asyncio.gather(
        *(stream(gate, token, tls) for _ in range(STREAMS)))


class Calls:
    """tools/call at an even pace until stopped; what went wrong."""

    def __init__(self, gate):
        self.gate = gate
        self.over = threading.Event()
        self.count = 0
        self.wrong = []
        self.thread = threading.Thread(target=self.work, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(60)

    def work(self):
        connection = self.gate.connect()
        while not self.over.wait(1 / CALLS_A_SECOND):
            answer = self.gate.mcp(rpc.call(*rpc.CUSTOMER),
                                   connection=connection)
            self.count += 1
            if answer.status != 200 or "result" not in answer.json():
                self.wrong.append(answer)


def total(gate, name):
    """The sum of a metric over the replicas of validation."""
    lines = re.findall(rf"^sallyport_validation_{name}{{.*}} (\d+)$",
                       gate.metrics().text, re.M)
    assert lines, name
    return sum(map(int, lines))


def feed(upstream, over):
    """One more word for each stream at every step, so that they last for as
    long as the scaling takes and end by themselves."""
    while not over.wait(STEP_S):
        for _ in range(STREAMS):
            upstream.pace.release()


def test_answers_find_the_replica_that_knows_their_question():
    over = threading.Event()
    result = {}
    with Upstream() as upstream, Gate(edit=upstream.edit) as gate:
        upstream.words = [f"word-{i}" for i in range(WORDS)]
        gate.await_ready()
        token = gate.token(client="bench")
        reader = threading.Thread(target=lambda: result.update(
            answers=asyncio.run(streams(gate, token))), daemon=True)
        feeder = threading.Thread(target=feed, args=(upstream, over),
                                  daemon=True)
        with Calls(gate) as calls:
            reader.start()
            assert eventually(lambda: upstream.sent >= STREAMS), upstream.sent
            feeder.start()
            for wish in ("validation=3", "validation=2"):
                done = gate.run("scale", wish)
                assert done.returncode == 0, done.stderr
            reader.join(60)
            over.set()
        assert not calls.wrong and calls.count > 100, (
            calls.count, calls.wrong[:3])
        for answer in result["answers"]:
            assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]
            assert answer.count(b"word-") == WORDS, answer[-300:]
            assert b"data: [DONE]" in answer
            assert answer.endswith(b"0\r\n\r\n")
        assert eventually(lambda: total(gate, "remembered") == 0)
        for name in ("answers_broken_total", "answer_parts_dropped_total",
                     "answers_replaced_total", "remembered_expired_total"):
            assert total(gate, name) == 0, name
        kinds = {r["kind"] for r in gate.audit()}
        assert not kinds & {"stream_broken", "result_refused"}, kinds
