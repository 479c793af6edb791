"""Rate limits as clients meet them."""

import re
import time

import rpc
from gate import Gate, eventually

TIGHT = """  - name: standard
    address: { requests: 600, window_s: 60, burst: 600 }
    client: { requests: 600, window_s: 60, burst: 600 }
    subject: { requests: 6, window_s: 12, burst: 3 }
"""


def tighten(text):
    """Three at once for the subject, then one each two seconds."""
    return re.sub(r"  - name: standard\n(    .*\n){3}", TIGHT, text)


def fields(value):
    """'"subject";r=2;t=1, ...' as {"subject": {"r": 2, "t": 1}}."""
    found = {}
    for item in value.split(","):
        name, *parts = item.strip().split(";")
        found[name.strip('"')] = {
            k: int(v) for k, v in (p.split("=") for p in parts)}
    return found


def call(gate, **options):
    return gate.mcp(rpc.call(*rpc.CUSTOMER), client="demo", **options)


def test_the_limit_is_told_and_true():
    with Gate(edit={"ratelimit.yaml": tighten}) as gate:
        gate.await_ready()
        for _ in range(3):
            assert call(gate).status == 200
        refused = call(gate)
        asked = time.monotonic()
        assert refused.status == 429
        wait = int(refused.headers["retry-after"])
        assert 1 <= wait <= 2
        assert fields(refused.headers["ratelimit"])["subject"]["r"] == 0
        policy = fields(refused.headers["ratelimit-policy"])["subject"]
        assert policy == {"q": 6, "w": 12}
        said = rpc.message(refused)
        assert said["id"] == 1
        assert said["error"]["code"] == 429
        assert call(gate).status == 429, "too early"
        # Others are not held up.
        assert gate.mcp(rpc.call(*rpc.CUSTOMER)).status == 200
        assert eventually(lambda: time.monotonic() - asked >= wait)
        assert call(gate).status == 200, "refused ones do not count"
        assert call(gate).status == 429
        assert eventually(lambda: gate.alerts("limit_reached"))


def test_the_tier_is_the_clients_own(own_gate):
    """Sixty a minute for demo, a million for bench."""
    said = [call(own_gate).status for _ in range(70)]
    assert said[0] == 200
    # A few come back while the test runs.
    assert 200 in said and said[-1] == 429
    assert 60 <= said.count(200) <= 66
    assert all(s in (200, 429) for s in said)
    for _ in range(100):
        assert own_gate.mcp(rpc.call(*rpc.CUSTOMER)).status == 200


def test_the_limit_holds_over_replicas():
    """Rendezvous by principal: two replicas do not double what is allowed."""
    with Gate("ratelimit=2", "validation=2",
              edit={"ratelimit.yaml": tighten}) as gate:
        gate.await_ready(9)
        said = [call(gate).status for _ in range(8)]
        assert said.count(200) in (3, 4), said


def test_unauthenticated_requests_cost_no_ones_share(gate):
    for _ in range(30):
        assert gate.post("/mcp", rpc.call(*rpc.CUSTOMER),
                         source="127.0.0.90").status == 401
    assert gate.mcp(rpc.call(*rpc.CUSTOMER)).status == 200
