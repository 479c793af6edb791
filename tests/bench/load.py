"""Requests a second, latency and CPU of the gate beside nginx."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import rpc
from gate import Gate, eventually, family, free_port

HERE = Path(__file__).resolve().parent

# Name and body of the calls.
VALUE = ("calculate_account_value", json.dumps(rpc.call(
    "calculate_account_value",
    {"customer_id": "ABC12345", "amounts": [1200.5, 80, 19.99, 3300]})))
SQL = ("get_customer_info", json.dumps(rpc.call(*rpc.CUSTOMER)))

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
    upstream model {{ server 127.0.0.1:{model}; keepalive 256; }}
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
        location /v1/ {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
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
    """A TLS proxy and the server behind it; below /v1/ a model server that
    others run."""

    def __init__(self, state, answer, model=1):
        self.home = tempfile.mkdtemp(prefix="sallyport-nginx-")
        self.port, upstream = free_port(), free_port()
        values = {"port": self.port, "upstream": upstream, "state": state,
                  "answer": answer.replace("'", ""), "model": model}
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


def wrk(url, connections, seconds, token, call=VALUE):
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s",
         str(HERE / "post.lua"), url],
        capture_output=True, text=True, check=True,
        env={**os.environ, "BENCH_NAME": call[0], "BENCH_BODY": call[1],
             "BENCH_TOKEN": token})
    said = json.loads(done.stdout[done.stdout.index("{\"requests"):])
    assert said["errors"] == 0, f"{said} from {url}: {done.stdout}"
    return said


def pss_mb(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0


class Side:
    """One of those that are measured in turn."""

    def __init__(self, url, pids, token="none", call=VALUE):
        self.url = url
        self.pids = pids
        self.token = token
        self.call = call

    def turn(self, connections, seconds):
        before = cpu_ns(self.pids)
        said = wrk(self.url, connections, seconds, self.token, self.call)
        said["rps"] = said["requests"] / said["us"] * 1e6
        said["cpu_us"] = ((cpu_ns(self.pids) - before) / 1000 /
                          said["requests"])
        return said


# Row, measure, and whose is divided by whose.
RATIOS = [
    ("rps_ratio", "rps", "gate", "nginx"),
    ("cpu_ratio", "cpu_us", "gate", "nginx"),
    ("sql_rps_ratio", "rps", "sql", "nginx"),
    ("sql_cpu_ratio", "cpu_us", "sql", "nginx"),
    ("scaled_rps_ratio", "rps", "scaled", "gate"),
    ("scaled_cpu_ratio", "cpu_us", "scaled", "gate"),
]


def round_of(sides, connections, options, samples):
    """One turn of each side with the same load."""
    said = {name: side.turn(connections, options.seconds)
            for name, side in sides.items()
            if connections == 64 or name in ("gate", "nginx")}
    if connections == 1:
        samples.setdefault("added_p50_ms_c1", []).append(
            (said["gate"]["p50_us"] - said["nginx"]["p50_us"]) / 1000)
        return
    for row, measure_of, over, under in RATIOS:
        if over in said:
            samples.setdefault(f"{row}_c{connections}", []).append(
                said[over][measure_of] / said[under][measure_of])


def side_of(gate, call=VALUE):
    return Side(gate.url + "/mcp", gate.pids(), gate.token(client="bench"),
                call)


def measure(options):
    samples = {"start_ready_s": []}
    for _ in range(3):
        began = time.monotonic()
        with Gate(own_keys=True):
            samples["start_ready_s"].append(time.monotonic() - began)
    with Gate() as gate, Gate("validation=2", "tools=2") as scaled:
        scaled.await_ready(9)
        answer = gate.mcp(VALUE[1]).text
        nginx = Nginx(gate.state, answer)
        try:
            sides = {
                "nginx": Side(f"https://localhost:{nginx.port}/mcp",
                              nginx.pids()),
                "gate": side_of(gate),
                "sql": side_of(gate, SQL),
                "scaled": side_of(scaled),
            }
            for connections in (1, 16, 64, 256):
                for _ in range(options.rounds):
                    round_of(sides, connections, options, samples)
        finally:
            nginx.stop()
        samples["pss_stage_mb"] = [
            max(pss_mb(replica["pid"]) for replica in gate.status()
                if replica["service"] != "edge")]
    return samples
