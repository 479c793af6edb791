"""Links between containers, seen from outside: auth alone with SP_LINKS=tcp."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("SP_TEST_PROGRAMS", ROOT / "build" / "release"))


def has_address():
    """tcp links need an address that others can reach."""
    routes = Path("/proc/net/fib_trie").read_text()
    local = re.findall(r"-- ([\d.]+)\n\s+/32 host LOCAL", routes)
    return any(not address.startswith("127.") for address in local)


needs_address = pytest.mark.skipif(not has_address(),
                                   reason="no address besides loopback")


@pytest.fixture
def auth(tmp_path):
    """The process, its state directory, and the line that says it serves."""
    state = tmp_path / "state"
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("SP_")},
        "SP_STATE": str(state), "SP_CONFIG": str(ROOT / "deploy" / "config"),
    }
    subprocess.run([PROGRAMS / "sallyport", "init"], env=environment,
                   check=True, cwd=tmp_path)
    auth = subprocess.Popen([PROGRAMS / "auth"], cwd=tmp_path,
                            env={**environment, "SP_LINKS": "tcp"},
                            stderr=subprocess.PIPE, text=True)
    auth.state = state
    try:
        auth.serves = any("event=serving" in line for line in auth.stderr)
        yield auth
    finally:
        auth.kill()
        auth.wait()


@needs_address
def test_tcp_links_open_inside_the_jail(auth):
    """libzmq must not ask for the machine's interfaces: the jail refuses the
    netlink socket, and libzmq takes that for a reason to abort."""
    assert auth.serves
