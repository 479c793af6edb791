"""Ten thousand idle TLS connections: what they cost the edge."""

import asyncio
import resource
import ssl
import time

from gate import Gate
from load import cpu_ns, pss_mb

CONNECTIONS = 10000
PER_ADDRESS = 250  # the edge caps connections for each client address
AT_ONCE = 50
WATCH_S = 5

REQUEST = (b"GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n")


async def connect(gate, tls, number, gate_open):
    """One connection that has had one answer and then is silent."""
    source = f"127.0.{1 + number // PER_ADDRESS // 250}." \
             f"{1 + number // PER_ADDRESS % 250}"
    async with gate_open:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", gate.port, ssl=tls, server_hostname="localhost",
            local_addr=(source, 0), limit=4096)
        writer.write(REQUEST % gate.authority.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.splitlines()[0], head
        return reader, writer


async def hold(gate, edge):
    tls = ssl.create_default_context(cafile=gate.ca)
    gate_open = asyncio.Semaphore(AT_ONCE)
    held = await asyncio.gather(
        *(connect(gate, tls, n, gate_open) for n in range(CONNECTIONS)))
    memory = pss_mb(edge)
    before, began = cpu_ns([edge]), time.monotonic()
    await asyncio.sleep(WATCH_S)  # idle time is what is measured
    percent = ((cpu_ns([edge]) - before) / 1e7 /
               (time.monotonic() - began))
    alive = sum(not reader.at_eof() for reader, _ in held)
    assert alive == CONNECTIONS, f"only {alive} connections are still open"
    for _, writer in held:
        writer.transport.abort()
    return memory, percent


def raise_files():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (min(hard, 4 * CONNECTIONS), hard))


def measure(_options):
    raise_files()
    with Gate() as gate:
        edge = next(r["pid"] for r in gate.status() if r["service"] == "edge")
        memory, percent = asyncio.run(hold(gate, edge))
    return {"idle_tls_10k_mb": [memory], "idle_tls_10k_cpu_percent": [percent]}
