"""Stages that hang, crash again and again, or cannot write."""

import os
import signal
import subprocess
import time

import pytest

import rpc
from gate import Gate, eventually

STAGES = ["auth", "validation", "ratelimit", "tools"]


def short_deadline(text):
    return text.replace("mcp_ms: 60000", "mcp_ms: 2000")


def call(gate, **options):
    return gate.mcp(rpc.call(*rpc.CUSTOMER), **options)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_hangs_is_told_in_time(stage):
    with Gate(edit={"edge.yaml": short_deadline}) as gate:
        gate.await_ready()
        assert call(gate).status == 200
        pid = gate.pid(stage)
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            answer = call(gate)
            took = time.monotonic() - began
            assert answer.status in (503, 504), answer
            assert took < 5, "the deadline holds"
            assert rpc.error(answer)["code"] == answer.status
            assert eventually(lambda: gate.get("/readyz").status == 503)
            assert gate.get("/healthz").status == 200
        finally:
            os.kill(pid, signal.SIGCONT)
        assert eventually(lambda: call(gate).status == 200, 30)
        assert eventually(lambda: gate.get("/readyz").status == 200)


def test_one_of_two_hangs_and_the_other_serves():
    with Gate("validation=2", edit={"edge.yaml": short_deadline}) as gate:
        gate.await_ready(8)
        assert call(gate).status == 200
        pid = gate.pid("validation", "1")
        os.kill(pid, signal.SIGSTOP)
        try:
            # Once the edge knows, it no longer waits for the one that hangs.
            assert eventually(lambda: all(
                call(gate).status == 200 for _ in range(20)), 30)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert eventually(lambda: call(gate).status == 200)


def test_crashes_in_a_row_are_slowed_down():
    """A crash is mended within two seconds; the sixth in a row waits longer,
    and `status` and the alerts show it."""
    with Gate() as gate:
        gate.await_ready()
        waits = []
        for _ in range(6):
            pid = gate.pid("llm")
            os.kill(pid, signal.SIGKILL)
            began = time.monotonic()
            assert eventually(lambda p=pid: gate.pid("llm") not in (0, p), 30)
            waits.append(time.monotonic() - began)
        assert waits[0] < 2, waits
        assert waits[-1] > 2, waits
        # It tells its start itself, once its neighbours have found it.
        assert eventually(lambda: gate.alerts("process_restarted"))
        assert call(gate).status == 200, "others go on"
        gate.await_ready()


def test_a_process_that_hangs_is_told():
    """It is not restarted, since it may go on; but somebody must look."""
    with Gate() as gate:
        gate.await_ready()
        pid = gate.pid("llm")
        os.kill(pid, signal.SIGSTOP)
        try:
            assert eventually(lambda: gate.alerts("process_silent"))
        finally:
            os.kill(pid, signal.SIGCONT)
        gate.await_ready()
        assert len(gate.alerts("process_silent")) == 1


def tools_storage(gate):
    return gate.state / "store" / "tools"


def test_a_full_disk_is_told_and_recovers(tmp_path):
    """The tools' store on a file system of 2 MB, filled to the brim."""
    if os.geteuid() != 0:
        pytest.skip("mounting wants root")
    gate = Gate()
    assert gate.run("init").returncode == 0
    store = tools_storage(gate)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700",
                           "tmpfs", str(store)], capture_output=True)
    if done.returncode != 0:
        gate.end()
        pytest.skip("no right to mount")
    try:
        with gate:
            gate.await_ready()
            before = rpc.result(gate.mcp(rpc.call(*rpc.TICKET)))
            filler = store / "filler"
            with open(filler, "wb", buffering=0) as f:
                size = 1 << 20
                while size:
                    try:
                        f.write(b"\0" * size)
                    except OSError:
                        size //= 2
            said = [gate.mcp(rpc.call(rpc.TICKET[0], {
                **rpc.TICKET[1], "description": "x" * 2000}))
                for _ in range(40)]
            assert any(a.status != 200 or rpc.result(a).get("isError")
                       for a in said), "a full disk is told"
            assert call(gate).status == 200, "reading goes on"
            filler.unlink()
            assert eventually(lambda: not rpc.message(gate.mcp(
                rpc.call(*rpc.TICKET))).get("result", {"isError": True})
                .get("isError"))
            assert before["structuredContent"]["ticket_id"]
    finally:
        subprocess.run(["umount", str(store)], check=False)
        gate.end()  # what was below the mount


def test_a_store_that_is_broken_stops_the_start():
    """Fail closed: tools does not begin with a store that it cannot read."""
    gate = Gate()
    try:
        assert gate.run("init").returncode == 0
        (tools_storage(gate) / "ledger.db").write_bytes(b"no database" * 100)
        gate.launch()
        assert gate.process.wait(60) != 0
        assert "ledger.db" in gate.said("stderr")
    finally:
        gate.end()


def test_run_killed_leaves_nothing_behind():
    """Even kill -9 of `run` itself ends all, and the next start works."""
    with Gate() as gate:
        gate.await_ready()
        living = gate.pids()[1:]
        gate.process.kill()
        gate.process.wait()
        gate.process = None
        assert eventually(lambda: not any(
            os.path.exists(f"/proc/{p}") for p in living), 45)
        gate.start()
        gate.await_ready()
        assert call(gate).status == 200
