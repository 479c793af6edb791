"""Official MCP clients, not written by us, list and call the three tools."""

import json
import os
import shutil
from pathlib import Path

import pytest

from conftest import run

CLIENTS = Path(__file__).resolve().parent / "clients"
TOOLS = ["calculate_account_value", "create_support_ticket",
         "get_customer_info"]
CALLS = [
    ["get_customer_info", {"customer_id": "ABC12345"}],
    ["create_support_ticket",
     {"customer_id": "DEF67890", "subject": "Cannot sign in",
      "description": "The form says no.", "priority": "high"}],
    ["calculate_account_value",
     {"customer_id": "ABC12345", "amounts": [0.1, 0.2, 30000]}],
    ["get_customer_info", {"customer_id": "not an id"}],
]


def environment(target, **more):
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "SALLYPORT_URL": target.url,
        "SALLYPORT_CA": target.ca,
        "NODE_EXTRA_CA_CERTS": target.ca,
        "SALLYPORT_TOKEN": target.token(),
        "SALLYPORT_CALLS": json.dumps(CALLS),
        **more,
    }


def check(answer):
    said = json.loads(answer)
    customer, ticket, value, refused = said["results"]
    assert sorted(said["tools"]) == TOOLS
    assert not customer["error"]
    assert customer["structured"]["customer_id"] == "ABC12345"
    assert json.loads(customer["text"][0]) == customer["structured"]
    assert not ticket["error"]
    assert ticket["structured"]["status"] == "open"
    assert ticket["structured"]["customer_id"] == "DEF67890"
    assert not value["error"]
    # Decimal arithmetic: 0.1 + 0.2 is 0.3 here.
    assert "30000.3" in json.dumps(value["structured"])
    assert value["structured"]["tier"] == "silver"
    assert refused["error"]
    assert "not an id" not in json.dumps(refused), "no echo of the input"
    return said


def test_python_sdk_1(target, python):
    said = check(run(python("mcp1"), str(CLIENTS / "mcp_python_1.py"),
                     env=environment(target)))
    assert said["version"].startswith("2025-")


@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
def test_python_sdk_2(target, python, mode):
    said = check(run(python("mcp2"), str(CLIENTS / "mcp_python_2.py"),
                     env=environment(target, SALLYPORT_MODE=mode)))
    expected = "2025-" if mode == "legacy" else "2026-07-28"
    assert said["version"].startswith(expected)


@pytest.mark.parametrize("package", ["sdk", "client"])
def test_typescript_sdk(target, node_modules, package):
    program = node_modules / "mcp_typescript.mjs"
    shutil.copy(CLIENTS / "mcp_typescript.mjs", program)
    check(run("node", str(program), cwd=node_modules,
              env=environment(target, SALLYPORT_PACKAGE=package)))
