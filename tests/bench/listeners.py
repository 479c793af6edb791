"""Ten thousand event streams at one edge: what they cost while nothing is
said, and whether they outlive their lease."""

import asyncio
import time

from chats import Model, Target, hang_up, listen
from gate import Gate
from idle import raise_files
from load import cpu_ns, pss_mb

LISTENERS = 10000
# Longer than SP_LEASE_MS: an unrenewed lease ends in it.
HOLD_S = 100


async def hold(gate, count, seconds):
    """Listens; what the edge takes, what all take, and who is left."""
    edge = gate.pid("edge")
    before_mb = pss_mb(edge)
    target = Target(gate.port, gate.ca, gate.token(client="bench"))
    held = await listen(target, "hold", count)
    pids = gate.pids()
    before, began = cpu_ns(pids), time.monotonic()
    await asyncio.sleep(seconds)  # silence is what is measured
    percent = (cpu_ns(pids) - before) / 1e7 / (time.monotonic() - began)
    memory = pss_mb(edge) - before_mb
    broken = sum(one.broken for one in held)
    silent = sum(one.comments == 0 for one in held)
    hang_up(held)
    return {"mb": memory, "cpu_percent": percent, "broken": broken + silent}


def measure(_options):
    raise_files()
    with Model() as model, \
            Gate(edit=model.edit(LISTENERS + 100)) as gate:
        found = asyncio.run(hold(gate, LISTENERS, HOLD_S))
    return {f"listeners_10k_{name}": [v] for name, v in found.items()}
