"""Many event streams at one edge: the bench holds ten thousand."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "bench"))

import asyncio  # noqa: E402

import chats  # noqa: E402
import rpc  # noqa: E402
from gate import Gate  # noqa: E402

LISTENERS = 300
COMMENTS = 2


def test_hundreds_of_listeners_stay_and_others_are_served():
    with chats.Model() as model:
        edit = {**model.edit(LISTENERS + 1),
                "edge.yaml": lambda text: text.replace("comment_ms: 15000",
                                                       "comment_ms: 500")}
        with Gate(edit=edit) as gate:
            gate.await_ready()
            target = chats.Target(gate.port, gate.ca,
                                  gate.token(client="bench"))
            asyncio.run(hold(gate, target))


async def hold(gate, target):
    held = await chats.listen(target, "hold", LISTENERS)
    served = await asyncio.to_thread(gate.mcp, rpc.call(*rpc.CUSTOMER))
    assert served.status == 200
    async with asyncio.timeout(20):
        for one in held:
            while one.comments < COMMENTS and not one.broken:
                await asyncio.sleep(0.02)
    assert not any(one.broken for one in held)
    chats.hang_up(held)
