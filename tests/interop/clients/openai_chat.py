"""Chats through the gate by the official OpenAI client, and prints what it
found as one line of JSON."""

import json
import os
import ssl

import openai

MODEL = os.environ["SALLYPORT_MODEL"]
SAY = [{"role": "user", "content": "hello"}]
WEATHER = [{
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}]


def client():
    trust = ssl.create_default_context(cafile=os.environ["SALLYPORT_CA"])
    return openai.OpenAI(
        base_url=os.environ["SALLYPORT_URL"] + "/v1",
        api_key=os.environ["SALLYPORT_TOKEN"],
        max_retries=0,
        http_client=openai.DefaultHttpxClient(verify=trust),
    )


def whole(gate, **more):
    answer = gate.chat.completions.create(model=MODEL, messages=SAY, seed=7,
                                          **more)
    choice = answer.choices[0]
    return {"text": choice.message.content, "finish": choice.finish_reason,
            "in": answer.usage.prompt_tokens,
            "out": answer.usage.completion_tokens}


def streamed(gate, **more):
    said = {"text": "", "chunks": 0, "finish": None, "out": None}
    for chunk in gate.chat.completions.create(model=MODEL, messages=SAY,
                                              seed=7, stream=True, **more):
        said["chunks"] += 1
        if chunk.usage:
            said["out"] = chunk.usage.completion_tokens
        for choice in chunk.choices:
            said["text"] += choice.delta.content or ""
            said["finish"] = choice.finish_reason or said["finish"]
    return said


def tool(gate):
    answer = gate.chat.completions.create(model=MODEL, messages=SAY,
                                          tools=WEATHER)
    call = answer.choices[0].message.tool_calls[0]
    return {"name": call.function.name,
            "arguments": json.loads(call.function.arguments)}


def left_early(gate):
    """Goes away after the first chunk, as users do."""
    with gate.chat.completions.create(model=MODEL, messages=SAY,
                                      stream=True) as stream:
        for chunk in stream:
            return chunk.object
    return None


def refused(gate, **change):
    asked = {"model": MODEL, "messages": SAY, **change}
    try:
        gate.chat.completions.create(**asked)
    except openai.APIStatusError as error:
        return {"kind": type(error).__name__, "status": error.status_code,
                "code": error.code}
    return None


def main():
    gate = client()
    print(json.dumps({
        "models": [model.id for model in gate.models.list()],
        "whole": whole(gate),
        "streamed": streamed(gate),
        "counted": streamed(gate, stream_options={"include_usage": True}),
        "capped": whole(gate, max_completion_tokens=5),
        "tool": tool(gate),
        "left_early": left_early(gate),
        "after": whole(gate, max_completion_tokens=5),
        "unknown_model": refused(gate, model="no-such-model"),
        "bad_request": refused(gate, temperature="hot"),
    }))


main()
