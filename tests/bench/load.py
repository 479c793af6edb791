"""Requests a second, latency and CPU of the gate beside nginx."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from gate import Gate, eventually, family, free_port

HERE = Path(__file__).resolve().parent

CALL = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "calculate_account_value",
            "arguments": {
                "customer_id": "ABC12345",
                "amounts": [1200.5, 80, 19.99, 3300],
            },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {
                    "name": "bench", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    }
)

NGINX = """
daemon off;
worker_processes 1;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    keepalive_requests 1000000;
    {server}
}}
"""

PROXY = """
    upstream second {{ server 127.0.0.1:{upstream}; keepalive 256; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {state}/keys/edge/tls.pem;
        ssl_certificate_key {state}/keys/edge/tls.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{
            proxy_pass http://second;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
        }}
    }}
"""

UPSTREAM = """
    server {{
        listen 127.0.0.1:{upstream};
        default_type application/json;
        location / {{ return 200 '{answer}'; }}
    }}
"""


class Nginx:
    """A TLS proxy and the server behind it."""

    def __init__(self, state, answer):
        self.home = tempfile.mkdtemp(prefix="sallyport-nginx-")
        self.port, upstream = free_port(), free_port()
        values = {"port": self.port, "upstream": upstream, "state": state,
                  "answer": answer.replace("'", "")}
        self.children = [
            self.start(name, text.format(**values))
            for name, text in (("upstream", UPSTREAM), ("proxy", PROXY))
        ]
        for port in (upstream, self.port):
            assert eventually(lambda p=port: listens(p)), "nginx does not start"

    def start(self, name, server):
        home = Path(self.home) / name
        home.mkdir()
        config = home / "nginx.conf"
        config.write_text(NGINX.format(home=home, server=server))
        return subprocess.Popen(
            ["nginx", "-c", str(config), "-e", str(home / "error.log"),
             "-p", str(home)])

    def pids(self):
        return [p for child in self.children for p in family(child.pid)]

    def stop(self):
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait(10)
        shutil.rmtree(self.home)


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def cpu_ns(pids):
    """Run time of all threads, in nanoseconds."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


def wrk(url, connections, seconds, token):
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s",
         str(HERE / "post.lua"), url],
        capture_output=True, text=True, check=True,
        env={**os.environ, "BENCH_BODY": CALL, "BENCH_TOKEN": token})
    said = json.loads(done.stdout[done.stdout.index("{\"requests"):])
    assert said["errors"] == 0, f"{said} from {url}: {done.stdout}"
    return said


def pss_mb(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0


def round_of(sides, connections, options, token, samples):
    """One turn of each side with the same load."""
    said = {}
    for name, (url, pids) in sides.items():
        before = cpu_ns(pids)
        said[name] = wrk(url, connections, options.seconds, token)
        said[name]["cpu_us"] = ((cpu_ns(pids) - before) / 1000 /
                                said[name]["requests"])
    gate, nginx = said["gate"], said["nginx"]
    rate = {n: s["requests"] / s["us"] for n, s in said.items()}
    if connections == 1:
        samples["added_p50_ms_c1"].append(
            (gate["p50_us"] - nginx["p50_us"]) / 1000)
        return
    samples[f"rps_ratio_c{connections}"].append(rate["gate"] / rate["nginx"])
    if connections == 64:
        samples["cpu_ratio_c64"].append(gate["cpu_us"] / nginx["cpu_us"])


def measure(options):
    names = ("rps_ratio_c16", "rps_ratio_c64", "rps_ratio_c256",
             "added_p50_ms_c1", "cpu_ratio_c64", "pss_stage_mb",
             "start_ready_s")
    samples = {name: [] for name in names}
    for _ in range(3):
        began = time.monotonic()
        with Gate(own_keys=True):
            samples["start_ready_s"].append(time.monotonic() - began)
    with Gate() as gate:
        token = gate.token(client="bench")
        answer = gate.post("/mcp", CALL, token=token).text
        nginx = Nginx(gate.state, answer)
        try:
            sides = {
                "nginx": (f"https://localhost:{nginx.port}/mcp", nginx.pids()),
                "gate": (gate.url + "/mcp", gate.pids()),
            }
            for connections in (1, 16, 64, 256):
                for _ in range(options.rounds):
                    round_of(sides, connections, options, token, samples)
        finally:
            nginx.stop()
        samples["pss_stage_mb"].append(
            max(pss_mb(replica["pid"]) for replica in gate.status()
                if replica["service"] != "edge"))
    return samples
