"""MCP end to end: both eras, the three tools, and what is refused."""

import json
import re
import sqlite3

import pytest

import rpc

ARGUMENT_FAULTS = [
    ("get_customer_info", {}),
    ("get_customer_info", {"customer_id": "abc12345"}),
    ("get_customer_info", {"customer_id": "ABC1"}),
    ("get_customer_info", {"customer_id": "ABC12345678"}),
    ("get_customer_info", {"customer_id": 12345}),
    ("get_customer_info", {"customer_id": "ABC12345\n"}),
    ("get_customer_info", {"customer_id": "ABC12345", "extra": 1}),
    ("get_customer_info", {"customer_id": "' OR 1=1--"}),
    ("create_support_ticket", {**rpc.TICKET[1], "priority": "now"}),
    ("create_support_ticket", {**rpc.TICKET[1], "subject": ""}),
    ("create_support_ticket", {**rpc.TICKET[1], "subject": "x" * 201}),
    ("create_support_ticket", {**rpc.TICKET[1], "description": "x" * 2001}),
    ("calculate_account_value", {"customer_id": "ABC12345", "amounts": []}),
    ("calculate_account_value",
     {"customer_id": "ABC12345", "amounts": ["1"]}),
    ("calculate_account_value",
     {"customer_id": "ABC12345", "amounts": [True]}),
    ("calculate_account_value",
     {"customer_id": "ABC12345", "amounts": [-0.01]}),
    ("calculate_account_value",
     {"customer_id": "ABC12345", "amounts": [1000000.000001]}),
    ("calculate_account_value",
     {"customer_id": "ABC12345", "amounts": [1] * 101}),
]


def structured(said, version):
    """The first version had results in text only."""
    if version == "2025-03-26":
        assert "structuredContent" not in said
        return json.loads(said["content"][0]["text"])
    return said["structuredContent"]


def check_customer(said, version=rpc.VERSION):
    assert not said.get("isError")
    text = json.loads(said["content"][0]["text"])
    found = structured(said, version)
    assert found["customer_id"] == "ABC12345"
    assert set(found) == {"customer_id", "name", "status", "account_type",
                          "last_activity", "contact"}
    assert text == found


def check_value(said, version=rpc.VERSION):
    found = structured(said, version)
    # Exact decimals: a double gives 30000.300000000003.
    assert found == {"customer_id": "ABC12345", "total": 30000.3,
                     "average": 10000.1, "count": 3, "max": 30000,
                     "min": 0.1, "tier": "silver"}


def check_ticket(said, gate, version=rpc.VERSION):
    found = structured(said, version)
    assert re.fullmatch(r"TKT-[A-Z2-7]{26}", found["ticket_id"])
    for name, value in rpc.TICKET[1].items():
        assert found[name] == value
    assert found["status"] == "open"
    assert found["created"] < found["estimated_resolution"]
    ledger = gate.state / "store" / "tools" / "ledger.db"
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT customer_id FROM tickets WHERE ticket_id = ?",
                          (found["ticket_id"],)).fetchall()
    assert rows == [("DEF67890",)]


# ------------------------------------------------------------------- stateless

def test_discover(gate):
    answer = gate.mcp(rpc.request("server/discover"))
    assert answer.status == 200, answer
    said = rpc.result(answer)
    assert said["resultType"] == "complete"
    assert said["supportedVersions"] == [rpc.VERSION]
    assert "tools" in said["capabilities"]
    assert said["ttlMs"] >= 0
    assert said["cacheScope"] in ("public", "private")
    assert said["_meta"][rpc.PREFIX + "serverInfo"]["name"]
    assert "mcp-session-id" not in answer.headers


def test_stateless_list(gate):
    said = rpc.result(gate.mcp(rpc.request("tools/list")))
    assert [t["name"] for t in said["tools"]] == rpc.TOOLS
    assert said["resultType"] == "complete"
    assert said["ttlMs"] >= 0
    assert said["cacheScope"] == "private"
    for tool in said["tools"]:
        assert tool["inputSchema"]["type"] == "object"
        assert tool["inputSchema"]["additionalProperties"] is False
        assert set(tool["annotations"]) >= {
            "readOnlyHint", "destructiveHint", "idempotentHint",
            "openWorldHint"}


def test_stateless_calls(gate):
    said = rpc.result(gate.mcp(rpc.call(*rpc.CUSTOMER)))
    assert said["resultType"] == "complete"
    check_customer(said)
    check_value(rpc.result(gate.mcp(rpc.call(*rpc.VALUE))))
    check_ticket(rpc.result(gate.mcp(rpc.call(*rpc.TICKET))), gate)


@pytest.mark.parametrize("number", [
    0, 1, 9007199254740991, "a", "\u00e4\u2028\"\\", ""])
def test_the_id_comes_back_as_it_was(gate, number):
    said = rpc.message(gate.mcp(rpc.call(*rpc.CUSTOMER, number=number)))
    assert said["id"] == number
    assert type(said["id"]) is type(number)


def test_an_unknown_customer_is_an_error_of_the_tool(gate):
    said = rpc.result(gate.mcp(
        rpc.call("get_customer_info", {"customer_id": "ZZZ99999"})))
    assert said["isError"] is True
    assert "ZZZ99999" not in json.dumps(said)


@pytest.mark.parametrize("name, arguments", ARGUMENT_FAULTS)
def test_bad_arguments_are_told_to_the_model(gate, name, arguments):
    answer = gate.mcp(rpc.call(name, arguments))
    assert answer.status == 200
    said = rpc.result(answer)
    assert said["isError"] is True
    assert said["content"][0]["type"] == "text"
    for value in arguments.values():
        if isinstance(value, str) and len(value) > 4:
            assert value not in said["content"][0]["text"]


def test_unknown_tool(gate):
    answer = gate.mcp(rpc.call("drop_everything", {}))
    assert answer.status == 200
    assert rpc.error(answer)["code"] == -32602
    assert "drop_everything" not in answer.text


@pytest.mark.parametrize("method", [
    "initialize", "ping", "logging/setLevel", "resources/subscribe",
    "unknown/method"])
def test_methods_of_the_other_era_are_404(gate, method):
    answer = gate.mcp(rpc.request(method))
    assert answer.status == 404
    assert rpc.error(answer)["code"] == -32601
    assert rpc.message(answer)["id"] == 1


HEADER_FAULTS = [
    ({"MCP-Protocol-Version": None}, 400, -32020),
    ({"MCP-Protocol-Version": "2025-11-25"}, 400, -32020),
    ({"Mcp-Method": None}, 400, -32020),
    ({"Mcp-Method": "tools/list"}, 400, -32020),
    ({"Mcp-Method": "TOOLS/CALL"}, 400, -32020),
    ({"Mcp-Name": None}, 400, -32020),
    ({"Mcp-Name": "create_support_ticket"}, 400, -32020),
    ({"Content-Type": "text/plain"}, 415, None),
    ({"Content-Type": None}, 415, None),
    ({"Accept": "text/html"}, 406, None),
]


@pytest.mark.parametrize("change, status, code", HEADER_FAULTS)
def test_headers_must_mirror_the_body(gate, change, status, code):
    import gate as gates

    body = rpc.call(*rpc.CUSTOMER)
    headers = {"Content-Type": "application/json",
               "Accept": "application/json, text/event-stream",
               **gates.mcp_headers(body), **change}
    answer = gate.ask("POST", "/mcp", body,
                      {k: v for k, v in headers.items() if v is not None},
                      token=gate.token(client="bench"))
    assert answer.status == status, answer
    if code is not None:
        assert rpc.error(answer)["code"] == code


def test_an_unknown_version_is_told_what_is_served(gate):
    body = rpc.request("tools/list", version="v999.0.0")
    answer = gate.mcp(body)
    assert answer.status == 400
    said = rpc.error(answer)
    assert said["code"] == -32022
    assert said["data"]["supported"] == [rpc.VERSION]
    assert said["data"]["requested"] == "v999.0.0"


@pytest.mark.parametrize("lost", ["protocolVersion", "clientCapabilities"])
def test_meta_must_be_whole(gate, lost):
    body = rpc.call(*rpc.CUSTOMER)
    headers = {"MCP-Protocol-Version": rpc.VERSION, "Mcp-Method": "tools/call",
               "Mcp-Name": rpc.CUSTOMER[0]}
    del body["params"]["_meta"][rpc.PREFIX + lost]
    answer = gate.mcp(body, headers=headers)
    assert answer.status == 400
    assert rpc.error(answer)["code"] == -32602


def test_client_info_may_be_missing(gate):
    body = rpc.call(*rpc.CUSTOMER)
    del body["params"]["_meta"][rpc.PREFIX + "clientInfo"]
    check_customer(rpc.result(gate.mcp(body)))


# -------------------------------------------------------------------- sessions

@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_session(gate, version):
    session = rpc.Session(gate, version)
    assert session.version == version
    said = rpc.result(session.hello)
    assert "tools" in said["capabilities"]
    assert said["serverInfo"]["name"]
    assert session.begun.status == 202
    assert session.begun.body == b""
    assert re.fullmatch(r"[!-~]+", session.headers["Mcp-Session-Id"])
    assert rpc.result(session.ask("ping")) == {}
    listed = rpc.result(session.ask("tools/list"))["tools"]
    assert [t["name"] for t in listed] == rpc.TOOLS
    said = rpc.result(session.call(*rpc.CUSTOMER))
    check_customer(said, version)
    assert "resultType" not in said
    check_value(rpc.result(session.call(*rpc.VALUE)), version)
    check_ticket(rpc.result(session.call(*rpc.TICKET)), gate, version)
    assert session.end().status in (200, 204)
    assert session.ask("tools/list").status == 404


def test_an_unknown_version_gets_one_that_is_served(gate):
    assert rpc.Session(gate, "1999-01-01").version == "2025-11-25"


def test_bad_arguments_in_a_session(gate):
    session = rpc.Session(gate)
    said = rpc.result(session.call("get_customer_info", {"customer_id": "x"}))
    assert said["isError"] is True
    assert rpc.result(session.ask("ping")) == {}


def test_unknown_method_in_a_session(gate):
    session = rpc.Session(gate)
    assert rpc.error(session.ask("unknown/method"))["code"] == -32601
    assert rpc.result(session.ask("ping")) == {}


def test_a_stolen_session_is_none(gate):
    session = rpc.Session(gate, client="bench")
    answer = session.ask("tools/list", token=gate.token())
    assert answer.status == 404
    assert session.end(token=gate.token()).status == 404
    assert rpc.result(session.ask("ping")) == {}


@pytest.mark.parametrize("session_id, status", [
    (None, 400), ("x", 404), ("A" * 200, 404)])
def test_a_session_that_is_not_there(gate, session_id, status):
    session = rpc.Session(gate)
    session.headers["Mcp-Session-Id"] = session_id
    if session_id is None:
        del session.headers["Mcp-Session-Id"]
    assert session.ask("tools/list").status == status


def test_get_is_not_served_yet(gate):
    answer = gate.get("/mcp", token=gate.token(client="bench"),
                      headers={"Accept": "text/event-stream"})
    assert answer.status == 405
    assert "POST" in answer.headers["allow"]


# ----------------------------------------------------------------------- scope

@pytest.mark.parametrize("tool", rpc.TOOLS)
def test_lists_show_what_may_be_called(gate, tool):
    scope = rpc.SCOPES[tool]
    for listed in (
            rpc.result(gate.mcp(rpc.request("tools/list"), scope)),
            rpc.result(rpc.Session(gate, scope=scope).ask("tools/list"))):
        assert [t["name"] for t in listed["tools"]] == [tool]


@pytest.mark.parametrize("tool", [rpc.CUSTOMER, rpc.TICKET, rpc.VALUE],
                         ids=lambda t: t[0])
def test_each_tool_wants_its_own_scope(gate, tool):
    others = [s for n, s in rpc.SCOPES.items() if n != tool[0]]
    answer = gate.mcp(rpc.call(*tool), scope=" ".join(others))
    assert answer.status == 403
    session = rpc.Session(gate, scope=" ".join(others))
    assert session.call(*tool).status == 403
    assert rpc.result(session.ask("ping")) == {}


# -------------------------------------------------------------------- messages

BAD_BODIES = [
    (b"", -32700), (b"{", -32700), (b"\xff\xfe", -32700),
    (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32700),
    (b'{"jsonrpc":"2.0","id":1,"method":"ping"} x', -32700),
    (b"NaN", -32700), (b"[" * 100000, -32700), (b"null", -32600),
    (b"[]", -32600), (b'"x"', -32600), (b"{}", -32600),
    (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
    (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
    (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":7}', -32600),
    (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
    (b'{"jsonrpc":"2.0","method":"tools/call"}', -32600),
]


@pytest.mark.parametrize("body, code", BAD_BODIES,
                         ids=[str(i) for i in range(len(BAD_BODIES))])
def test_bad_messages_are_refused(gate, body, code):
    answer = gate.ask("POST", "/mcp", body, {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream"},
        token=gate.token(client="bench"))
    assert answer.status == 400, answer
    said = rpc.error(answer)
    # Nesting beyond the limit may be seen before the end is missed.
    assert said["code"] in ((code, -32600) if len(body) > 9999 else (code,))


def test_a_refusal_leaves_the_connection_usable(gate):
    connection = gate.connect()
    try:
        for _ in range(3):
            bad = gate.ask("POST", "/mcp", "{", {
                "Content-Type": "application/json",
                "Accept": "application/json"},
                token=gate.token(client="bench"), connection=connection)
            assert bad.status == 400
            good = gate.mcp(rpc.call(*rpc.CUSTOMER), connection=connection)
            check_customer(rpc.result(good))
    finally:
        connection.close()
