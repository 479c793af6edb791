"""kill -9 of one of two replicas, and of the only one, under load."""

import os
import signal
import statistics

import pytest

import loss
import rpc
from gate import Gate, eventually

# One load at a time: the others measure how long something takes.
pytestmark = pytest.mark.xdist_group("load")


@pytest.mark.parametrize("stage, replica", loss.in_turn(2))
def test_no_read_fails_and_none_is_silent(losses, stage, replica):
    tally = losses(stage, replica)
    assert tally.reads > 100, "there was load"
    assert not tally.silent
    assert not tally.read_failures, (
        f"{len(tally.read_failures)} of {tally.reads}: "
        f"{tally.read_failures[:5]}")


@pytest.mark.parametrize("stage, replica", loss.in_turn(2))
def test_no_ticket_is_stored_twice_or_missing(losses, stage, replica):
    tally = losses(stage, replica)
    assert len(tally.acknowledged) > 100, "there was load"
    assert not tally.twice
    assert not tally.missing


@pytest.mark.parametrize("stage", loss.STAGES)
def test_a_killed_replica_is_back_soon(losses, stage):
    """Within a second, and one more until the list of replicas says so."""
    back_s = losses(stage, "0").back_s + losses(stage, "1").back_s
    assert statistics.median(back_s) < 4, back_s


def test_the_only_replica_is_killed():
    """Nobody can take over: calls wait for the next one, or are told."""
    with Gate() as gate:
        gate.await_ready()
        with loss.Load(gate) as load:
            for stage in loss.STAGES:
                pid = gate.pid(stage)
                os.kill(pid, signal.SIGKILL)
                assert eventually(lambda s=stage, p=pid:
                                  gate.pid(s) not in (0, p))
                gate.await_ready()
        assert not load.tally.silent
        assert not loss.twice(gate)
        assert not loss.missing(gate, load.tally.acknowledged)
        assert all(" 503 " in f or "<503" in f or "<504" in f
                   for f in load.tally.read_failures), load.tally.read_failures


def test_the_monitor_is_killed():
    """It takes part in no call; its trail stays whole, without a gap."""
    with Gate() as gate:
        gate.await_ready()
        with loss.Load(gate) as load:
            for _ in range(3):
                pid = gate.pid("monitor")
                os.kill(pid, signal.SIGKILL)
                assert eventually(
                    lambda p=pid: gate.pid("monitor") not in (0, p))
                gate.await_ready()
        assert load.tally.reads > 20
        assert not load.tally.read_failures
        assert not load.tally.silent
        gate.stop()
        done = gate.run("audit", "verify")
        assert done.returncode == 0, done.stdout


def test_the_edge_is_killed():
    """Its connections break, which clients see; new ones are served, and what
    was acknowledged is there once."""
    with Gate("edge=2") as gate:
        gate.await_ready(8)
        with loss.Load(gate) as load:
            for replica in "0101":
                pid = gate.pid("edge", replica)
                os.kill(pid, signal.SIGKILL)
                assert eventually(
                    lambda p=pid, r=replica: gate.pid("edge", r) not in (0, p))
                gate.await_ready(8)
        assert load.tally.reads > 20
        assert not load.tally.silent
        assert not loss.twice(gate)
        assert not loss.missing(gate, load.tally.acknowledged)
        assert all(f.startswith("connection:")
                   for f in load.tally.read_failures), load.tally.read_failures


def test_a_repetition_is_answered_from_the_journal(own_gate):
    """The tools are stopped in the middle of tickets and go on: what the edge
    sent again in the meantime has run once."""
    with loss.Load(own_gate) as load:
        pid = own_gate.pid("tools")
        for _ in range(5):
            assert eventually(lambda n=len(load.tally.acknowledged):
                              len(load.tally.acknowledged) > n)
            os.kill(pid, signal.SIGSTOP)
            sent = len(load.tally.sent) + load.tally.reads
            # Longer than the edge waits before it sends again.
            eventually(lambda: False, 0.8)
            os.kill(pid, signal.SIGCONT)
            assert eventually(
                lambda s=sent: len(load.tally.sent) + load.tally.reads > s)
    assert not load.tally.read_failures
    assert not load.tally.silent
    assert not loss.twice(own_gate)
    assert not loss.missing(own_gate, load.tally.acknowledged)
    assert own_gate.mcp(rpc.call(*rpc.CUSTOMER)).status == 200
