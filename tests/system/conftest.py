"""Gates for the tests: one that all share as long as they do it no harm, and
new ones for the others."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from gate import Gate  # noqa: E402


@pytest.fixture(scope="session")
def gate():
    with Gate() as shared:
        shared.await_ready()
        yield shared
        shared.stop()  # in good order, after all that the tests did to it


@pytest.fixture
def own_gate():
    """A gate that the test may do harm to."""
    with Gate() as own:
        own.await_ready()
        yield own


def pytest_collection_modifyitems(items):
    """Where several work at once, those with gates of their own come first:
    they take long, and the short ones fill up what is left at the end."""
    items.sort(key=lambda item: "gate" in item.fixturenames)
