"""Lets a client that knows neither TLS nor bearer tokens talk to a gate: plain
HTTP on loopback, one token added, Host and Origin mapped where they name the
forwarder itself. Forged ones pass as they came, so that probes reach the gate.
"""

import http.client
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

DROPPED = {"connection", "keep-alive", "transfer-encoding", "content-length",
           "host"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        to = self.server.to
        own = f"127.0.0.1:{self.server.server_port}"
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if length else None
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in DROPPED
        }
        host = self.headers.get("Host", own)
        headers["Host"] = to.netloc if host == own else host
        if headers.get("Origin") == f"http://{own}":
            headers["Origin"] = f"https://{to.netloc}"
        headers["Authorization"] = "Bearer " + self.server.token
        upstream = http.client.HTTPSConnection(
            to.hostname, to.port, context=self.server.tls, timeout=30
        )
        upstream.request(self.command, self.path, body, headers)
        answer = upstream.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in DROPPED:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        upstream.close()

    do_GET = do_POST = do_DELETE = do_OPTIONS = forward

    def log_message(self, *_):
        pass


class Forwarder:
    """A context: its value is the local URL that stands for `url`."""

    def __init__(self, url, ca, token):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.to = urlsplit(url)
        self.server.tls = ssl.create_default_context(cafile=ca)
        self.server.token = token

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
