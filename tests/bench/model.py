#!/usr/bin/env python3
"""A model server that costs little: model.py PORT.

A chat with the model "hold" gets one word and then silence; any other gets a
word every 20 ms, each stream at a moment of its own, until the client goes.
"""

import asyncio
import itertools
import json
import resource
import sys

PACE_S = 0.02
BACKLOG = 4096
HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n")
EVENT = b"data: " + json.dumps({
    "id": "c1", "object": "chat.completion.chunk", "created": 1,
    "model": "bench", "choices": [{"index": 0, "delta": {"content": " word"},
                                   "finish_reason": None}]}).encode() + b"\n\n"
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)

starts = itertools.count()


class Chat(asyncio.Protocol):
    def __init__(self):
        self.seen = b""
        self.timer = None
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.seen += data
        head, end, body = self.seen.partition(b"\r\n\r\n")
        if not end:
            return
        length = next(int(line.partition(b":")[2])
                      for line in head.lower().splitlines()
                      if line.startswith(b"content-length:"))
        if len(body) >= length:
            self.seen = b""
            self.begin(json.loads(body)["model"])

    def begin(self, model):
        self.transport.write(HEAD + CHUNK)
        if model != "hold":
            # The golden ratio spreads the streams evenly over the pace.
            phase = next(starts) * 0.618 % 1 * PACE_S
            self.timer = asyncio.get_running_loop().call_later(
                PACE_S + phase, self.say)

    def say(self):
        loop = asyncio.get_running_loop()
        self.transport.write(CHUNK)
        self.timer = loop.call_at(self.timer.when() + PACE_S, self.say)

    def connection_lost(self, _):
        if self.timer is not None:
            self.timer.cancel()


async def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = await asyncio.get_running_loop().create_server(
        Chat, "127.0.0.1", int(sys.argv[1]), backlog=BACKLOG)
    await server.serve_forever()


asyncio.run(main())
