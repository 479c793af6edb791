"""A model server of our own: OpenAI's paths, and answers that a test paces."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def chunk(text, finish=None):
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1,
            "model": "tiny",
            "choices": [{"index": 0, "delta": {"content": text} if text else {},
                         "finish_reason": finish}]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, {"object": "list", "data": [
            {"id": "tiny", "object": "model", "created": 1,
             "owned_by": "test"}]})

    def verbatim(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())
        self.close_connection = True

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length))
        self.server.requests.append((dict(self.headers), body))
        if self.server.verbatim:
            self.verbatim(*self.server.verbatim)
            return
        if body.get("stream"):
            self.stream()
            return
        self.answer(200, {
            "id": "c1", "object": "chat.completion", "created": 1,
            "model": "tiny", "choices": [
                {"index": 0, "finish_reason": "stop",
                 "message": self.server.message or {
                     "role": "assistant", "content": self.server.say()}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2,
                      "total_tokens": 5}})

    def event(self, text):
        data = f"data: {text}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for text in self.server.speak():
                self.event(json.dumps(chunk(text)))
                self.server.sent += 1
                if not self.server.endless:
                    # Each word waits until the test asks for it.
                    self.server.pace.acquire(timeout=20)
            endless = json.dumps(chunk("x" * 1000))
            while self.server.endless:
                self.event(endless)
                self.server.sent += 1
            self.event(json.dumps(chunk("", "stop")))
            self.event("[DONE]")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.gone.set()
        finally:
            self.close_connection = True


class Upstream(ThreadingHTTPServer):
    """with Upstream() as upstream: ... upstream.edit is for Gate(edit=...)."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256  # all streams of a test may begin at once

    def __init__(self, endless=False, host="127.0.0.1"):
        super().__init__((host, 0), Handler)
        self.text = "Hello."
        self.message = None  # in place of one with the text
        self.verbatim = None  # (status, headers, body) in place of any answer
        self.words = ["one", "two", "three"]
        self.endless = endless
        self.pace = threading.Semaphore(0)
        self.gone = threading.Event()
        self.requests = []
        self.sent = 0
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)

    def speak(self):
        """The words of one more stream."""
        return self.words

    def say(self):
        """The text of one more whole answer."""
        return self.text

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def edit(self):
        port = self.server_address[1]
        return {"llm.yaml": lambda text: text.replace(
            "url: http://127.0.0.1:11434/v1",
            f"url: http://127.0.0.1:{port}/v1")}
