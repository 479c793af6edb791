"""The fault tests use the system tests' gate."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "system"), str(HERE)]

import loss  # noqa: E402
from gate import Gate  # noqa: E402


@pytest.fixture
def own_gate():
    with Gate() as own:
        own.await_ready()
        yield own


@pytest.fixture(scope="session")
def losses():
    """What ten kills of each stage cost, measured once for all tests."""
    return loss.run()
