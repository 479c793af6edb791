"""The fault tests use the system tests' gate."""

import functools
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
def doubled():
    with loss.doubled() as gate:
        yield gate


@pytest.fixture(scope="session")
def losses(doubled):
    """Gives what the kill of a replica cost, measured once."""

    @functools.cache
    def of(stage, replica):
        return loss.run(doubled, [(stage, replica)])[stage]

    return of


def pytest_collection_modifyitems(items):
    """The load takes longest: where several work at once, it begins."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
