"""The gate that the foreign clients talk to: one of our own, started natively,
or the Compose stack where SP_TEST_COMPOSE names its project directory."""

import contextlib
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

WORK = ROOT / "build" / "interop"

PYTHON_CLIENTS = {
    "mcp1": "mcp>=1.30,<2",
    "mcp2": "mcp>=2.3,<3",
    "openai": "openai>=3,<4",
}
NODE_PACKAGES = [
    "@modelcontextprotocol/sdk@^1.32",
    "@modelcontextprotocol/client@^2.4",
]


class Target:
    """Where a client connects to, and how it gets a token."""

    def __init__(self, url, ca, token):
        self.url = url
        self.ca = str(ca)
        self.token = token


def run(*command, **options):
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, **options
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout.strip()


def compose_target(tmp_path_factory):
    ca = tmp_path_factory.mktemp("ca") / "ca.pem"
    run("docker", "compose", "cp", "edge:/var/lib/sallyport/ca.pem", str(ca),
        cwd=ROOT)

    def token(scope=""):
        return run("make", "-s", "token", "COMPOSE=1", f"SCOPE={scope}",
                   "CLIENT=bench", cwd=ROOT)

    return Target(os.environ.get("SP_URL", "https://localhost:8443"), ca,
                  token)


@pytest.fixture(scope="session")
def target(tmp_path_factory):
    if os.environ.get("SP_TEST_COMPOSE"):
        yield compose_target(tmp_path_factory)
        return
    from gate import Gate

    with Gate() as gate:
        # The client without limits: the suites send more than 60 requests a
        # minute.
        yield Target(gate.url, gate.ca,
                     lambda scope="": gate.token(scope, "bench"))


@contextlib.contextmanager
def installing(home):
    """Says whether something must still be installed there. The tests of the
    Compose stack may want the same at the same time: one waits."""
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = not (home / "done").exists()
        yield missing
        (home / "done").touch()


def npm(name, *packages):
    """A directory with these installed."""
    home = WORK / name
    with installing(home) as missing:
        if missing:
            run("npm", "init", "-y", cwd=home)
            run("npm", "install", "--silent", *packages, cwd=home)
    return home


@pytest.fixture(scope="session")
def python():
    """Gives the interpreter of a virtual environment with one client in it."""

    def interpreter(name):
        home = WORK / name
        program = home / "bin" / "python"
        with installing(home) as missing:
            if missing:
                run(sys.executable, "-m", "venv", str(home))
                run(str(program), "-m", "pip", "-q", "install",
                    PYTHON_CLIENTS[name])
        return str(program)

    return interpreter


@pytest.fixture(scope="session")
def node_modules():
    """A directory with the TypeScript clients installed."""
    return npm("node", *NODE_PACKAGES)
