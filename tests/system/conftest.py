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


@pytest.fixture
def own_gate():
    """A gate that the test may do harm to."""
    with Gate() as own:
        own.await_ready()
        yield own
