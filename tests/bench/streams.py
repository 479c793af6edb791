"""Streamed chats: what a word costs on its way through the gate, beside the
nginx TLS proxy."""

import asyncio
import json

from chats import Model, Target, hang_up, listen
from gate import Gate
from load import Nginx, cpu_ns

STREAMS = 64


async def talk(target, pids, seconds):
    """Per event: CPU time and bytes on the wire, TLS included."""
    held = await listen(target, "talk", STREAMS)

    def seen():
        return (cpu_ns(pids), sum(one.events for one in held),
                sum(one.wire_bytes() for one in held))

    await asyncio.sleep(0.5)  # all have begun; the flow is steady
    before = seen()
    await asyncio.sleep(seconds)
    cpu, events, wire = (b - a for a, b in zip(before, seen()))
    assert not any(one.broken for one in held), "a stream ended"
    hang_up(held)
    return cpu / 1000 / events, wire / events


def measure(options):
    cpu, cpu_ratio, wire_ratio = [], [], []
    with Model() as model, Gate(edit=model.edit(4 * STREAMS)) as gate:
        nginx = Nginx(gate.state, json.dumps({}), model.port)
        try:
            token = gate.token(client="bench")
            sides = [(Target(gate.port, gate.ca, token), gate.pids()),
                     (Target(nginx.port, gate.ca), nginx.pids())]
            for _ in range(options.rounds):
                (gate_us, gate_bytes), (nginx_us, nginx_bytes) = (
                    asyncio.run(talk(*side, options.seconds))
                    for side in sides)
                cpu.append(gate_us)
                cpu_ratio.append(gate_us / nginx_us)
                wire_ratio.append(gate_bytes / nginx_bytes)
        finally:
            nginx.stop()
    return {"chunk_cpu_us": cpu, "chunk_cpu_ratio": cpu_ratio,
            "chunk_wire_ratio": wire_ratio}
