"""Streams of models whose stages die on the way."""

import http.client
import itertools
import json
import os
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import rpc
from gate import Gate, eventually
from upstream import Upstream

CHAT = json.dumps({"model": "tiny", "stream": True,
                   "messages": [{"role": "user", "content": "Hi"}]})
# Far less than the gate's deadline for models, which is ten minutes.
SOON_S = 40


CALLS = 16


class Numbered(Upstream):
    """Every word says to which of its calls it belongs. Whole answers wait for
    `go`, the words of streams behind the first for `pace`."""

    def __init__(self):
        super().__init__()
        self.calls = itertools.count(1)
        self.begun = 0
        self.go = threading.Event()

    def speak(self):
        self.begun = number = next(self.calls)
        return [f"call-{number} "] * 4

    def say(self):
        self.begun = next(self.calls)
        self.go.wait(SOON_S)
        return "Hello."


def ask(gate, stream):
    return gate.ask("POST", "/v1/chat/completions",
                    {**json.loads(CHAT), "stream": stream},
                    {"Content-Type": "application/json"},
                    token=gate.token(client="bench"), timeout=SOON_S)


def start(gate):
    """An answer whose head is there and whose stream is not read yet."""
    connection = gate.connect(timeout=SOON_S)
    connection.request("POST", "/v1/chat/completions", CHAT, {
        "Content-Type": "application/json", "Accept": "text/event-stream",
        "Authorization": "Bearer " + gate.token(client="bench")})
    answer = connection.getresponse()
    assert answer.status == 200
    return answer


def still(upstream):
    """True once the upstream has not sent for a while."""
    seen = []

    def look():
        seen.append(upstream.sent)
        return len(seen) > 50 and seen[-1] == seen[-50]

    return look


def test_a_stream_that_lost_its_model_is_broken_off():
    """Never as if it were whole, and not only at the deadline."""
    with Upstream() as upstream, Gate(edit=upstream.edit) as gate:
        gate.await_ready()
        answer = start(gate)
        assert answer.readline().startswith(b"data: ")
        began = time.monotonic()
        os.kill(gate.pid("llm"), signal.SIGKILL)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()
        assert time.monotonic() - began < SOON_S
        assert eventually(lambda: any(
            r["kind"] == "stream_broken" for r in gate.audit()))
        assert gate.mcp(rpc.call(*rpc.CUSTOMER)).status == 200


@pytest.mark.parametrize("stage", ["auth", "validation", "ratelimit"])
def test_credit_that_is_lost_is_given_again(stage):
    """The client takes what waits while a stage is gone that its credit must
    pass; the model's words come on all the same."""
    with Upstream(endless=True) as upstream, \
            Gate(edit=upstream.edit) as gate:
        gate.await_ready()
        answer = start(gate)
        assert eventually(still(upstream), 30), "it never pauses"
        paused = upstream.sent
        os.kill(gate.pid(stage), signal.SIGKILL)
        wanted = paused * 1000 + (4 << 20)
        try:
            assert len(answer.read(wanted)) == wanted
        except (http.client.IncompleteRead, ConnectionError):
            # Parts that it held are lost: told, never left out.
            assert stage == "validation"
        finally:
            answer.close()


@pytest.mark.xdist_group("load")
def test_fast_streams_are_whole():
    """Everybody reads as fast as the model speaks, through two replicas that
    are as busy as can be: no part is lost, and none overtakes another."""
    with Upstream(endless=True) as upstream, \
            Gate("validation=2", edit=upstream.edit) as gate:
        gate.await_ready(8)
        gate.token(client="bench")
        wanted = 8 << 20

        def read(_):
            answer = start(gate)
            try:
                return len(answer.read(wanted))
            finally:
                answer.close()

        with ThreadPoolExecutor(10) as pool:
            assert list(pool.map(read, range(20))) == [wanted] * 20
        kinds = {r["kind"] for r in gate.audit()}
        assert not kinds & {"stream_broken", "result_refused"}, kinds


def test_the_second_validation_takes_over_what_the_first_one_held():
    """The question of each call was known to one of two replicas. The other
    gets the repetitions, and with them the answers."""
    with Numbered() as upstream, \
            Gate("validation=2", edit=upstream.edit) as gate:
        gate.await_ready(8)
        gate.token(client="bench")
        with ThreadPoolExecutor(CALLS) as pool:
            answers = [pool.submit(ask, gate, False) for _ in range(CALLS)]
            assert eventually(lambda: upstream.begun == CALLS)
            os.kill(gate.pid("validation"), signal.SIGKILL)
            # The edge has told everybody by now who is to answer whom.
            eventually(lambda: False, 0.3)
            upstream.go.set()
            assert [a.result().status for a in answers] == [200] * CALLS


def test_two_runs_of_a_stream_are_not_mixed():
    """A model's replica is stopped for so long that another one takes its
    calls over, and goes on: each client reads one answer."""
    with Numbered() as upstream, Gate("llm=2", edit=upstream.edit) as gate:
        gate.await_ready(8)
        gate.token(client="bench")
        stopped = gate.pid("llm")
        with ThreadPoolExecutor(CALLS) as pool:
            os.kill(stopped, signal.SIGSTOP)
            try:
                answers = [pool.submit(ask, gate, True) for _ in range(CALLS)]
                assert eventually(lambda: upstream.begun == CALLS)
            finally:
                os.kill(stopped, signal.SIGCONT)
            assert eventually(lambda: upstream.begun > CALLS)
            upstream.pace.release(1000)
            for answer in answers:
                text = answer.result().text
                assert len(set(re.findall(r"call-\d+ ", text))) == 1, text
                assert text.count("call-") == 4 and "[DONE]" in text, text
