"""The official OpenAI client chats through a gate of its own with a real
Ollama. SP_TEST_OLLAMA gives its address, e.g. http://127.0.0.1:11434, and
SP_TEST_OLLAMA_MODEL the name of a model that can use tools (default: tiny).
Without the former one is built and started by ../shared/tools/llm-ollama,
where there is such a thing; where not, there is nothing to chat with."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, run

CLIENTS = Path(__file__).resolve().parent / "clients"
MODEL = os.environ.get("SP_TEST_OLLAMA_MODEL", "tiny")
SERVER = ROOT.parent / "shared" / "tools" / "llm-ollama"
BUILD_S = 1200  # once for each machine

pytestmark = pytest.mark.skipif(
    "SP_TEST_COMPOSE" in os.environ,
    reason="the llm of the Compose stack reaches no server of ours")


@pytest.fixture(scope="module")
def ollama(tmp_path_factory):
    """The address of a real Ollama. One that is there and does not start is a
    failure."""
    from gate import eventually

    if os.environ.get("SP_TEST_OLLAMA"):
        yield os.environ["SP_TEST_OLLAMA"].rstrip("/")
        return
    if not SERVER.exists() or shutil.which("go") is None:
        pytest.skip("set SP_TEST_OLLAMA to the address of an Ollama, or "
                    "install Go to have one built")
    log = tmp_path_factory.mktemp("ollama") / "log"
    with open(log, "wb") as said:
        server = subprocess.Popen([str(SERVER), "0"], stdout=said,
                                  stderr=said, stdin=subprocess.DEVNULL)
    try:
        ready = eventually(
            lambda: re.search(r"(?m)^ready (http\S+)", log.read_text()) or
            server.poll() is not None, BUILD_S)
        assert isinstance(ready, re.Match), log.read_text()
        yield ready[1]
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture(scope="module")
def gate(ollama):
    from gate import Gate

    def to_ollama(text):
        """llm.yaml with our upstream and one model."""
        text = re.sub(r"(?m)^  url: .*$", f"  url: {ollama}/v1", text)
        return text.replace('- "*"', f"- {MODEL}")

    with Gate(edit={"llm.yaml": to_ollama}) as made:
        yield made


@pytest.fixture(scope="module")
def said(gate, python):
    answer = run(python("openai"), str(CLIENTS / "openai_chat.py"), env={
        "PATH": os.environ["PATH"],
        "SALLYPORT_URL": gate.url,
        "SALLYPORT_CA": str(gate.ca),
        "SALLYPORT_TOKEN": gate.token("llm:chat", "bench"),
        "SALLYPORT_MODEL": MODEL,
    })
    return json.loads(answer)


def test_lists_the_allowed_models_only(said):
    assert [name.removesuffix(":latest") for name in said["models"]] == [MODEL]


def test_chats_in_one_piece(said):
    assert said["whole"]["text"]
    assert said["whole"]["finish"] in ("stop", "length")
    assert said["whole"]["in"] > 0
    assert said["whole"]["out"] > 0


def test_chats_streamed(said):
    assert said["streamed"]["chunks"] > 2
    assert said["streamed"]["text"] == said["whole"]["text"]
    assert said["streamed"]["finish"] == said["whole"]["finish"]
    assert said["streamed"]["out"] is None, "usage that nobody asked for"


def test_streams_usage_to_who_asks(said):
    assert said["counted"]["out"] == said["whole"]["out"]


def test_caps_the_answer(said):
    """Ollama ignores max_completion_tokens: the gate translates."""
    assert said["capped"]["finish"] == "length"
    assert said["capped"]["out"] == 5


def test_passes_tool_calls(said):
    assert said["tool"] == {"name": "get_weather",
                            "arguments": {"city": "Paris"}}


def test_goes_on_when_a_client_leaves(said):
    assert said["left_early"] == "chat.completion.chunk"
    assert said["after"]["out"] == 5


def test_refuses_in_words_that_the_client_knows(said):
    assert said["unknown_model"] == {"kind": "NotFoundError", "status": 404,
                                     "code": "model_not_found"}
    assert said["bad_request"]["kind"] == "BadRequestError"
    assert said["bad_request"]["code"]


def test_counts_and_records(gate, said):
    from gate import eventually

    def called():
        return [r for r in gate.audit() if r["kind"] == "model_called"]

    # Six whole answers; the stream that was left may have ended before.
    assert eventually(lambda: len(called()) >= 6), gate.audit()
    assert all("tokens_out=" in record["detail"] for record in called())
    assert eventually(
        lambda: re.search(r'sallyport_llm_tokens_total\{[^}]*direction="out"'
                          r'[^}]*\} [1-9]', gate.metrics().text))


def test_refuses_a_token_without_the_scope(gate):
    answer = gate.post(
        "/v1/chat/completions",
        {"model": MODEL, "messages": [{"role": "user", "content": "x"}]},
        token=gate.token("customer:read", "bench"))
    assert answer.status == 403
    assert "insufficient_scope" in answer.headers["www-authenticate"]
