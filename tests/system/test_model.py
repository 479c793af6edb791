"""Models through the gate: whole and streamed answers, clients that go away
and clients that do not read."""

import email.utils
import http.client
import json
import select
import socket
import time

import pytest

import rpc
from gate import Gate, eventually
from upstream import Upstream

CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def pair():
    with Upstream() as upstream, Gate(edit=upstream.edit) as gate:
        gate.await_ready()
        yield gate, upstream


def ask(gate, body, **options):
    return gate.post("/v1/chat/completions", body,
                     token=gate.token(client="bench"), **options)


def start_stream(gate, client="bench"):
    """A connection with a streamed chat, its answer not read yet."""
    body = json.dumps({**CHAT, "stream": True})
    connection = gate.connect()
    connection.request("POST", "/v1/chat/completions", body, {
        "Content-Type": "application/json", "Accept": "text/event-stream",
        "Authorization": "Bearer " + gate.token(client=client)})
    return connection


def test_models_and_a_whole_answer(pair):
    gate, upstream = pair
    listed = gate.get("/v1/models", token=gate.token(client="bench"))
    assert [m["id"] for m in listed.json()["data"]] == ["tiny"]
    answer = ask(gate, CHAT)
    assert answer.status == 200, answer
    said = answer.json()
    assert said["choices"][0]["message"]["content"] == "Hello."
    assert said["usage"]["total_tokens"] == 5
    headers, body = upstream.requests[0]
    assert body["messages"] == CHAT["messages"]
    assert gate.token(client="bench") not in json.dumps(headers), (
        "the client's token stays here")


def test_a_whole_answer_may_be_long(pair):
    """Longer than a part of a stream, and than the credit of one."""
    gate, upstream = pair
    upstream.text = "many words " * 300000
    answer = ask(gate, CHAT)
    assert answer.status == 200, answer
    said = answer.json()["choices"][0]["message"]["content"]
    assert said == upstream.text


def test_a_stream_comes_piece_by_piece(pair):
    gate, upstream = pair
    connection = start_stream(gate)
    try:
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("content-type").startswith("text/event-stream")
        words = []
        for want in upstream.words:
            # Arrives while the upstream still waits for our word to go on.
            while True:
                line = answer.readline().decode().strip()
                if line.startswith("data: "):
                    break
            words.append(json.loads(line[6:])["choices"][0]["delta"]["content"])
            assert words[-1] == want
            upstream.pace.release()
        rest = answer.read().decode()
        assert rest.rstrip().endswith("data: [DONE]")
    finally:
        connection.close()


def test_a_client_that_goes_cancels_the_upstream():
    with Upstream(endless=True) as upstream, \
            Gate(edit=upstream.edit) as gate:
        gate.await_ready()
        for _ in range(3):
            upstream.gone.clear()
            connection = start_stream(gate)
            assert connection.getresponse().read(5000)
            connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()
            assert upstream.gone.wait(15), "the upstream still generates"
        assert gate.mcp(rpc.call(*rpc.CUSTOMER)).status == 200


def test_a_client_that_does_not_read_slows_the_upstream():
    """Back pressure: what is under way is bounded by the credit and by the
    buffers of the sockets, not by what the model says."""
    with Upstream(endless=True) as upstream, \
            Gate(edit=upstream.edit) as gate:
        gate.await_ready()
        connection = start_stream(gate)
        try:
            assert connection.getresponse().read(1000)
            seen = []

            def still():
                seen.append(upstream.sent)
                return len(seen) > 50 and seen[-1] == seen[-50]

            assert eventually(still, 30), "it never pauses"
            assert upstream.sent * 1000 < 32 * 1024 * 1024
            # Meanwhile others are served.
            assert gate.mcp(rpc.call(*rpc.CUSTOMER)).status == 200
        finally:
            connection.close()
        assert upstream.gone.wait(15)


def test_an_unknown_model_is_refused_where_models_are_listed():
    with Upstream() as upstream:
        edit = {"llm.yaml": lambda text: upstream.edit["llm.yaml"](text)
                .replace('  - "*"', "  - tiny")}
        with Gate(edit=edit) as gate:
            gate.await_ready()
            assert ask(gate, {**CHAT, "model": "huge"}).status == 404
            assert ask(gate, CHAT).status == 200
            assert [b["model"] for _, b in upstream.requests] == ["tiny"]


def test_no_upstream_is_502_in_the_clients_form(gate):
    answer = ask(gate, CHAT)
    assert answer.status == 502
    assert set(answer.json()["error"]) >= {"message", "type", "code"}
    assert "11434" not in answer.text


@pytest.mark.parametrize("body", [
    {}, {"model": "tiny"}, {"model": 7, "messages": []},
    {"model": "tiny", "messages": "x"}, {**CHAT, "n": 1000},
    {**CHAT, "max_tokens": -1}, {**CHAT, "stream": "yes"}])
def test_bad_chats_are_refused(gate, body):
    answer = ask(gate, body)
    assert answer.status == 400, answer
    assert answer.json()["error"]["message"]


def test_chat_needs_its_scope(gate):
    answer = gate.post("/v1/chat/completions", CHAT,
                       token=gate.token("customer:read", "bench"))
    assert answer.status == 403
    assert answer.json()["error"]["code"]


@pytest.mark.parametrize("requests", [30])
def test_clients_that_vanish_leave_the_gate_whole(gate, requests):
    """In the middle of headers, of a body, and before the answer."""
    token = gate.token(client="bench")
    body = json.dumps(rpc.call(*rpc.CUSTOMER)).encode()
    whole = (f"POST /mcp HTTP/1.1\r\nHost: {gate.authority}\r\n"
             f"Authorization: Bearer {token}\r\n"
             "Content-Type: application/json\r\nAccept: application/json\r\n"
             f"MCP-Protocol-Version: {rpc.VERSION}\r\n"
             "Mcp-Method: tools/call\r\nMcp-Name: get_customer_info\r\n"
             f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    pids = {r["service"]: r["pid"] for r in gate.status()}
    for i in range(requests):
        cut = len(whole) * (i + 1) // requests
        with socket.create_connection(("127.0.0.1", gate.port)) as tcp:
            tls = gate.tls().wrap_socket(tcp, server_hostname="localhost")
            tls.sendall(whole[:cut])
            tls.close()
    assert gate.mcp(rpc.call(*rpc.CUSTOMER)).status == 200
    assert pids == {r["service"]: r["pid"] for r in gate.status()}


def test_a_removed_client_loses_its_streams_and_nobody_else():
    """Its token ends with it, and so does what runs in its name, long before
    the next word of the model."""
    with Upstream() as upstream, Gate(edit=upstream.edit) as gate:
        gate.await_ready()
        bench = start_stream(gate, "bench").getresponse()
        demo = start_stream(gate, "demo").getresponse()
        for answer in (bench, demo):
            assert b"one" in answer.readline()
        text = (gate.config / "auth.yaml").read_text()
        (gate.config / "auth.yaml").write_text(
            text[:text.index("  # For load tests.")])
        limits = gate.config / "ratelimit.yaml"
        limits.write_text(limits.read_text().replace(
            "  - { client: bench, tier: load }\n", ""))
        done = gate.run("reload")
        assert done.returncode == 0, done.stdout + done.stderr
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            bench.read()
        for _ in range(8):
            upstream.pace.release()
        assert demo.read().endswith(b"data: [DONE]\n\n")
        broken = [r for r in gate.audit() if r["kind"] == "stream_broken"]
        assert [r["detail"] for r in broken] == ["reason=revoked"]


def test_a_stream_outlives_the_time_for_taking_it():
    """send_ms is for clients that take nothing: one that reads at once is never
    slow, though the stream lasts for many times that long, silences included.
    In the real jail: what the edge sees of its client must not be refused
    there."""
    edit = {"edge.yaml": lambda text: text.replace(
        "send_ms: 30000", "send_ms: 200")}
    with Upstream() as upstream, \
            Gate(edit={**upstream.edit, **edit}) as gate:
        gate.await_ready()
        answer = start_stream(gate).getresponse()
        for word in ("one", "two", "three"):
            assert word in answer.readline().decode(), word
            assert answer.readline() == b"\n"
            # Several looks at a client that has nothing left to take.
            assert not select.select([], [], [], 0.9)[0]
            upstream.pace.release()
        assert answer.read().endswith(b"data: [DONE]\n\n")
        kinds = {r["kind"] for r in gate.audit()}
        assert not kinds & {"client_slow", "stream_broken"}, kinds


LONG = "x" * 281
ANSWERS = [
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": LONG, "type": "function", "index": 0,
         "function": {"name": LONG, "arguments": "{}"},
         "extra_content": {"google": {"thought_signature": LONG}}},
        {"id": None, "type": "custom", "custom": {"name": "f", "input": ""}}]},
    {"role": "assistant", "content": None, "refusal": LONG, "tool_calls": [],
     "audio": {"id": LONG, "transcript": LONG}, "function_call": None},
    {"role": "assistant", "content": "", "reasoning_content": LONG,
     "reasoning_details": [{"type": "reasoning.text", "text": LONG}],
     "annotations": [{"type": "url_citation",
                      "url_citation": {"url": "http://a.example/"}}]},
    {"role": "assistant", "function_call": {"name": LONG, "arguments": LONG}},
    {"role": "assistant", "content": [{"type": "thinking", "thinking": LONG},
                                      {"type": "text", "text": "x"}] * 50,
     "nobody_knows_this_yet": {"a": [1e3, [], {}]}},
]


def test_what_a_model_said_may_be_said_back(pair):
    gate, upstream = pair
    for message in ANSWERS:
        upstream.message = message
        answer = ask(gate, CHAT)
        assert answer.status == 200, answer
        said = answer.json()["choices"][0]["message"]
        assert said == message
        again = {**CHAT, "seed": 4294967295, "top_k": 40,
                 "messages": [*CHAT["messages"], said,
                              {"role": "tool", "tool_call_id": LONG,
                               "content": "done", "is_error": False}]}
        answer = ask(gate, again)
        assert answer.status == 200, answer
        _, body = upstream.requests[-1]
        assert {**body, **again} == body, "what we need not know is untouched"


def test_a_refusal_names_the_member(gate):
    answer = ask(gate, {**CHAT, "messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {
            "url": "http://169.254.169.254/"}}]}]})
    assert answer.status == 400, answer
    error = answer.json()["error"]
    assert error["param"] == "/messages/0/content/0/image_url/url"
    assert "https://" in error["message"]
    for member in ("base_url", "models", "Model", "n_predict"):
        answer = ask(gate, {**CHAT, member: "x"})
        assert answer.status == 400, (member, answer)
        assert answer.json()["error"]["param"] == "/" + member


def test_a_stream_bears_signs_of_life_and_bare_usage(pair):
    gate, upstream = pair
    piece = json.dumps({"choices": [{"index": 0, "delta": {"content": "Hi"}}]})
    usage = json.dumps({"usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    upstream.verbatim = (200, {"Content-Type": "text/event-stream"},
                         f"data:\n\ndata: {piece}\n\ndata: \n\n"
                         f"data: {usage}\n\ndata: [DONE]")
    answer = ask(gate, {**CHAT, "stream": True})
    assert answer.status == 200, answer
    assert answer.text == f"data: {piece}\n\ndata: [DONE]\n\n"


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_under_200_is_the_upstreams(pair, stream):
    gate, upstream = pair
    upstream.verbatim = (200, {"Content-Type": "application/json"}, json.dumps(
        {"error": {"message": "key sk-secret is slow", "code": 429}}))
    answer = ask(gate, {**CHAT, "stream": stream})
    assert answer.status == 429, answer
    assert answer.json()["error"]["code"] == "upstream_rate_limited"
    assert "sk-secret" not in answer.text


def test_a_wait_until_a_date_is_passed_on(pair):
    gate, upstream = pair
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    upstream.verbatim = (503, {"Retry-After": date}, "")
    answer = ask(gate, CHAT)
    assert answer.status == 503, answer
    assert 90 <= int(answer.headers["retry-after"]) <= 100
