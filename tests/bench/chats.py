"""Streamed chats: clients that read events, and the server behind the gate."""

import asyncio
import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path

from gate import eventually, free_port

HERE = Path(__file__).resolve().parent
PER_ADDRESS = 250  # the edge caps connections for each client address
AT_ONCE = 50
# Of struct tcp_info: tcpi_bytes_received.
RECEIVED = slice(128, 136)

REQUEST = ("POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\n"
           "Content-Type: application/json\r\nAccept: text/event-stream\r\n"
           "Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
           "{body}")


class Model:
    """with Model() as model: ... Gate(edit=model.edit(calls))"""

    def __enter__(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(HERE / "model.py"), str(self.port)])
        assert eventually(self.listens), "the model server does not start"
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def edit(self, calls):
        """The gate's llm.yaml: this server, and so many calls at one time."""
        return {"llm.yaml": lambda text: text
                .replace("http://127.0.0.1:11434/v1",
                         f"http://127.0.0.1:{self.port}/v1")
                .replace("\n  calls: 256\n", f"\n  calls: {calls}\n")
                .replace("idle_ms: 120000", "idle_ms: 600000")}


class Listener(asyncio.Protocol):
    """One streamed chat: counts the events and comments that come."""

    def __init__(self):
        self.begun = asyncio.get_running_loop().create_future()
        self.head = b""
        self.events = 0
        self.comments = 0
        self.broken = False
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if not self.begun.done():
            self.head += data
            if b"\ndata: " in self.head:
                self.begun.set_result(self.head.split(b" ", 2)[1])
        self.events += data.count(b"data: ")
        self.comments += data.count(b": waiting")
        self.broken = self.broken or b"\r\n0\r\n\r\n" in data

    def connection_lost(self, _):
        self.broken = True
        if not self.begun.done():
            self.begun.set_result(self.head[:200] or b"closed")

    def wire_bytes(self):
        raw = self.transport.get_extra_info("socket")
        info = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136)
        return int.from_bytes(info[RECEIVED], sys.byteorder)


class Target:
    """Where chats go: a port, its authority, and what it asks for."""

    def __init__(self, port, ca, token="none"):
        self.port = port
        self.ca = ca
        self.token = token

    def request(self, model):
        body = json.dumps({"model": model, "stream": True, "messages": [
            {"role": "user", "content": "Hi"}]})
        return REQUEST.format(host=f"localhost:{self.port}", token=self.token,
                              length=len(body), body=body).encode()


async def listen(target, model, count):
    """So many chats whose first event is there."""
    loop = asyncio.get_running_loop()
    tls = ssl.create_default_context(cafile=target.ca)
    request = target.request(model)
    few = asyncio.Semaphore(AT_ONCE)

    async def one(number):
        block = 1 + number // PER_ADDRESS
        source = f"127.0.{block // 250}.{1 + block % 250}"
        async with few:
            _, listener = await loop.create_connection(
                Listener, "127.0.0.1", target.port, ssl=tls,
                server_hostname="localhost", local_addr=(source, 0))
            listener.transport.write(request)
            status = await listener.begun
            assert status == b"200", status
            return listener

    return await asyncio.gather(*(one(n) for n in range(count)))


def hang_up(listeners):
    for listener in listeners:
        listener.transport.abort()
