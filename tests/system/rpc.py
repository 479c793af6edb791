"""JSON-RPC as MCP clients send it, by hand: the stateless version (2026-07-28)
and the versions with sessions before it."""

import json

VERSION = "2026-07-28"
LEGACY = "2025-11-25"
PREFIX = "io.modelcontextprotocol/"

CUSTOMER = ("get_customer_info", {"customer_id": "ABC12345"})
VALUE = ("calculate_account_value",
         {"customer_id": "ABC12345", "amounts": [0.1, 0.2, 30000]})
TICKET = ("create_support_ticket",
          {"customer_id": "DEF67890", "subject": "Cannot sign in",
           "description": "The form says no.", "priority": "high"})
TOOLS = ["get_customer_info", "create_support_ticket",
         "calculate_account_value"]
SCOPES = {
    "get_customer_info": "customer:read",
    "create_support_ticket": "ticket:create",
    "calculate_account_value": "account:calculate",
}


def meta(version=VERSION):
    return {
        PREFIX + "protocolVersion": version,
        PREFIX + "clientInfo": {"name": "test", "version": "1"},
        PREFIX + "clientCapabilities": {},
    }


def request(method, params=None, number=1, version=VERSION):
    """A request of the stateless version."""
    return {"jsonrpc": "2.0", "id": number, "method": method,
            "params": {**(params or {}), "_meta": meta(version)}}


def call(name, arguments, number=1):
    return request("tools/call", {"name": name, "arguments": arguments},
                   number)


def result(answer):
    """The result in an answer, which may be JSON or an event stream."""
    said = message(answer)
    assert "result" in said, answer
    return said["result"]


def error(answer):
    said = message(answer)
    assert "error" in said, answer
    return said["error"]


def message(answer):
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        lines = [line[len("data:"):].strip()
                 for line in answer.text.splitlines()
                 if line.startswith("data:") and len(line) > len("data:")]
        return json.loads(lines[-1])
    return answer.json()


class Session:
    """A session of the versions that have them."""

    def __init__(self, gate, version=LEGACY, scope="", client="bench"):
        self.gate = gate
        self.token = gate.token(scope, client)
        self.number = 0
        self.headers = {}
        self.hello = self.ask("initialize", {
            "protocolVersion": version, "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"}})
        said = result(self.hello)
        self.version = said["protocolVersion"]
        self.headers = {"MCP-Protocol-Version": self.version}
        if "mcp-session-id" in self.hello.headers:
            self.headers["Mcp-Session-Id"] = (
                self.hello.headers["mcp-session-id"])
        self.begun = self.tell("notifications/initialized")

    def send(self, body, **options):
        return self.gate.post("/mcp", body, self.headers,
                              token=options.pop("token", self.token),
                              **options)

    def ask(self, method, params=None, **options):
        self.number += 1
        body = {"jsonrpc": "2.0", "id": self.number, "method": method}
        if params is not None:
            body["params"] = params
        return self.send(body, **options)

    def call(self, name, arguments, **options):
        return self.ask("tools/call", {"name": name, "arguments": arguments},
                        **options)

    def tell(self, method, params=None):
        body = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            body["params"] = params
        return self.send(body)

    def end(self, token=None):
        return self.gate.ask("DELETE", "/mcp", headers=self.headers,
                             token=token or self.token)
