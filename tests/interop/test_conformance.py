"""The official MCP conformance suite, on the scenarios that this gate serves.
An exit status of 0 means that no check failed; the count tells that there were
checks at all."""

import re

import pytest

from conftest import npm, run
from forward import Forwarder

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
NODE = "node@24"  # the suite wants 22 or later

SCENARIOS = [
    ("server-initialize", "2025-06-18"),
    ("server-initialize", "2025-11-25"),
    ("ping", "2025-06-18"),
    ("ping", "2025-11-25"),
    ("tools-list", "2025-06-18"),
    ("tools-list", "2025-11-25"),
    ("tools-list", "2026-07-28"),
    ("server-session-lifecycle", "2025-03-26"),
    ("server-session-lifecycle", "2025-06-18"),
    ("server-session-lifecycle", "2025-11-25"),
    ("server-sse-multiple-streams", "2025-11-25"),
    ("server-sse-multiple-streams", "2026-07-28"),
    ("dns-rebinding-protection", "2025-11-25"),
    ("dns-rebinding-protection", "2026-07-28"),
    ("http-header-validation", "2026-07-28"),
]


@pytest.fixture(scope="session")
def suite():
    home = npm("conformance", SUITE, NODE)
    return home / "node_modules" / ".bin" / "conformance"


@pytest.mark.parametrize("scenario,version", SCENARIOS)
def test_scenario(target, suite, scenario, version):
    node = suite.parent / "node"
    with Forwarder(target.url, target.ca, target.token()) as local:
        said = run(str(node), str(suite.resolve()), "server", "--url",
                   local + "/mcp", "--scenario", scenario, "--spec-version",
                   version)
    passed = re.search(r"(\d+)/(\d+) passed", said) or re.search(
        r"Passed: (\d+)/(\d+)", said)
    assert passed and int(passed[1]) > 0, said
