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


def memory_of(pid):
    """All that a process holds."""
    held = b""
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if "rw" in line.split()[1]:
                try:
                    memory.seek(start)
                    held += memory.read(end - start)
                except OSError:
                    pass
    return held


def named(parent, name):
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    for child in children.split():
        if Path(f"/proc/{child}/comm").read_text().strip() == name:
            return int(child)
    return None


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


@needs_address
@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads their memory")
def test_the_resolver_holds_no_key(auth):
    """A helper is a copy of the process that forks it: the one that talks to
    the network is forked before there is anything to steal."""
    home = auth.state / "keys" / "auth"
    keys = {
        "passport": bytes.fromhex((home / "passport.key").read_text().strip()),
        "curve": (home / "curve.secret").read_bytes().strip(),
    }
    resolver = named(auth.pid, "resolver")
    parent = memory_of(auth.pid)
    held = memory_of(resolver)
    assert all(key in parent for key in keys.values())
    assert [name for name, key in keys.items() if key in held] == []
