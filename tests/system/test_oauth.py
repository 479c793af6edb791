"""The authorization server and the resource server at the door: metadata, the
token endpoint, challenges."""

import base64
import json
import re
import time

import pytest

import rpc

FORM = "grant_type=client_credentials"
ALL = ["customer:read", "ticket:create", "account:calculate", "security:read",
       "llm:chat"]


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def challenge(answer):
    """The parameters of a Bearer challenge."""
    value = answer.headers["www-authenticate"]
    assert value.startswith("Bearer "), value
    return dict(re.findall(r'([a-z_]+)="([^"]*)"', value))


# ------------------------------------------------------------------- metadata

@pytest.mark.parametrize("path, resource", [
    ("/.well-known/oauth-protected-resource", ""),
    ("/.well-known/oauth-protected-resource/mcp", "/mcp")])
def test_resource_metadata(gate, path, resource):
    answer = gate.get(path)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    said = answer.json()
    assert said["resource"] == gate.url + resource
    assert said["authorization_servers"] == [gate.url]
    assert said["bearer_methods_supported"] == ["header"]
    assert set(ALL) <= set(said["scopes_supported"])


def test_authorization_server_metadata(gate):
    said = gate.get("/.well-known/oauth-authorization-server").json()
    assert said["issuer"] == gate.url
    assert said["token_endpoint"] == gate.url + "/token"
    assert "client_credentials" in said["grant_types_supported"]
    assert gate.get(said["jwks_uri"][len(gate.url):]).status == 200


def test_key_set_has_public_parts_only(gate):
    keys = gate.get("/jwks").json()["keys"]
    assert {k["alg"] for k in keys} == {"ES256", "RS256"}
    for key in keys:
        assert key["kid"]
        assert key["use"] == "sig"
        assert not set(key) & {"d", "p", "q", "dp", "dq", "qi", "k"}


@pytest.mark.parametrize("path", [
    "/.well-known/oauth-authorization-server/mcp/x", "/.well-known/no-such",
    "/authorize/x", "/nothing"])
def test_what_is_not_there_is_404(gate, path):
    assert gate.get(path).status == 404


# ---------------------------------------------------------------------- token

def test_a_token_is_granted(gate):
    answer = gate.grant(FORM)
    assert answer.status == 200
    said = answer.json()
    assert said["token_type"] == "Bearer"
    assert said["expires_in"] == 900
    assert sorted(said["scope"].split()) == sorted(ALL)
    assert "no-store" in answer.headers["cache-control"]
    found = claims(said["access_token"])
    assert found["iss"] == gate.url
    assert found["aud"] in (gate.url + "/mcp", [gate.url + "/mcp"])
    assert found["exp"] - found["iat"] == 900
    assert abs(found["iat"] - time.time()) < 60
    head = said["access_token"].split(".")[0]
    head = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    assert head["typ"] == "at+jwt"
    assert head["alg"] == "ES256"


def test_two_tokens_differ(gate):
    first, second = (gate.grant(FORM).json()["access_token"] for _ in "12")
    assert claims(first)["jti"] != claims(second)["jti"]


def test_secret_in_the_form_is_taken(gate):
    answer = gate.ask(
        "POST", "/token",
        f"{FORM}&client_id=demo&client_secret={gate.secret()}",
        {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 200, answer


def test_scope_is_narrowed(gate):
    answer = gate.grant(FORM + "&scope=customer%3Aread")
    assert answer.json()["scope"] == "customer:read"
    found = claims(answer.json()["access_token"])
    assert found["scope"] == "customer:read"


def test_make_token_narrows_too(gate):
    assert claims(gate.token("customer:read"))["scope"] == "customer:read"
    assert claims(gate.token(client="bench"))["client_id"] == "bench"


BAD_FORMS = [
    (FORM + "&scope=admin%3Amanage", 400, "invalid_scope"),
    (FORM + "&scope=no%3Asuch", 400, "invalid_scope"),
    ("grant_type=password", 400, "unsupported_grant_type"),
    ("grant_type=", 400, "invalid_request"),
    ("", 400, "invalid_request"),
    (FORM + "&" + FORM, 400, "invalid_request"),
    (FORM + "&resource=https%3A%2F%2Fevil.example", 400, "invalid_target"),
    (FORM + "&%zz=1", 400, "invalid_request"),
]


@pytest.mark.parametrize("form, status, code", BAD_FORMS)
def test_bad_forms_are_refused(gate, form, status, code):
    answer = gate.grant(form)
    assert (answer.status, answer.json()["error"]) == (status, code)
    assert "no-store" in answer.headers["cache-control"]
    assert "evil" not in answer.text


def test_json_is_no_form(gate):
    answer = gate.grant(json.dumps({"grant_type": "client_credentials"}))
    assert answer.status == 400


@pytest.mark.parametrize("client, secret", [
    ("demo", "0" * 64), ("nobody", "x"), ("demo", "x" * 5000), ("", "x")])
def test_bad_secrets_are_refused(gate, client, secret):
    answer = gate.grant(FORM, client, secret, source="127.0.0.66")
    assert answer.status == 401, answer
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert secret not in answer.text or len(secret) < 3


def test_guessing_secrets_is_slowed_down(own_gate):
    """After the burst the address waits; another address does not."""
    said = [own_gate.grant(FORM, "nobody", f"guess-{i}", source="127.0.0.67")
            for i in range(14)]
    assert said[0].status == 401
    assert said[-1].status == 429
    assert 1 <= int(said[-1].headers["retry-after"]) <= 60
    assert own_gate.grant(FORM, source="127.0.0.68").status == 200


# ----------------------------------------------------------------- challenges

def test_no_token_is_challenged(gate):
    answer = gate.post("/mcp", rpc.call(*rpc.CUSTOMER))
    assert answer.status == 401
    said = challenge(answer)
    assert said["resource_metadata"] == (
        gate.url + "/.well-known/oauth-protected-resource/mcp")
    assert "customer:read" in said["scope"].split()
    assert "error" not in said, "nothing wrong was sent"


def forge(token, **changes):
    """The token with other claims and the old signature."""
    head, _, signature = token.split(".")
    body = json.dumps({**claims(token), **changes}).encode()
    middle = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    return ".".join((head, middle, signature))


def unsigned(token):
    head = base64.urlsafe_b64encode(
        b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


BAD_TOKENS = {
    "rubbish": lambda t: "not.a.token",
    "empty signature": lambda t: t.rpartition(".")[0] + ".",
    "more scope": lambda t: forge(t, scope="admin:manage"),
    "longer life": lambda t: forge(t, exp=4102444800),
    "no signature": unsigned,
    "cut": lambda t: t[:-2],
    "one letter": lambda t: t + "A",
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_bad_tokens_are_challenged(gate, name):
    token = BAD_TOKENS[name](gate.token(client="bench"))
    answer = gate.post("/mcp", rpc.call(*rpc.CUSTOMER), token=token,
                       source="127.0.0.69")
    assert answer.status == 401
    assert challenge(answer)["error"] == "invalid_token"
    assert token not in answer.text


@pytest.mark.parametrize("value", [
    "Basic ZGVtbzp4", "Bearer", "Bearer a b", "bearer\tx",
    "Bearer " + "x" * 10])
def test_other_credentials_do_not_pass(gate, value):
    answer = gate.post("/mcp", rpc.call(*rpc.CUSTOMER),
                       {"Authorization": value}, source="127.0.0.70")
    assert answer.status in (400, 401), answer
    assert "www-authenticate" in answer.headers


def test_a_token_in_the_query_is_none(gate):
    token = gate.token(client="bench")
    answer = gate.post(f"/mcp?access_token={token}", rpc.call(*rpc.CUSTOMER))
    assert answer.status in (400, 401)


def test_too_little_scope_is_challenged(gate):
    answer = gate.mcp(rpc.call(*rpc.TICKET), scope="customer:read")
    assert answer.status == 403
    said = challenge(answer)
    assert said["error"] == "insufficient_scope"
    assert "ticket:create" in said["scope"].split()
    assert said["resource_metadata"] == (
        gate.url + "/.well-known/oauth-protected-resource/mcp")
    assert answer.json()["error"]["code"] == 403


def test_a_token_for_models_only_lists_no_models_without_scope(gate):
    answer = gate.get("/v1/models",
                      token=gate.token("customer:read", "bench"))
    assert answer.status == 403
    assert "llm:chat" in challenge(answer)["scope"].split()
