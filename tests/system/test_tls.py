"""What the edge takes on its port: TLS 1.2 and 1.3, nothing older, nothing in
the clear."""

import os
import socket
import ssl
import subprocess
import warnings

import pytest

REQUEST = "GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n"


def context(gate, version):
    tls = gate.tls()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        tls.minimum_version = tls.maximum_version = version
    # OpenSSL's own default would refuse old versions before the gate can.
    tls.set_ciphers("ALL:@SECLEVEL=0")
    return tls


def exchange(gate, tls, session=None):
    """One request: the version and the session of its connection, the answer,
    and whether the session was resumed."""
    with socket.create_connection(("127.0.0.1", gate.port), timeout=10) as tcp:
        with tls.wrap_socket(tcp, server_hostname="localhost",
                             session=session) as s:
            s.sendall(REQUEST.format(gate.authority).encode())
            text = b""
            while part := s.recv(4096):
                text += part
            return s.version(), s.session, text, s.session_reused


@pytest.mark.parametrize("version, name", [
    (ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
def test_modern_versions_are_taken(gate, version, name):
    spoken, _, text, _ = exchange(gate, context(gate, version))
    assert spoken == name
    assert text.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("version", [
    ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(gate, version):
    with pytest.raises((ssl.SSLError, ConnectionError)) as caught:
        exchange(gate, context(gate, version))
    # Refused by the gate, by an alert or by hanging up, not by our library.
    if isinstance(caught.value, ssl.SSLError):
        assert ("ALERT" in caught.value.reason or
                caught.value.reason == "UNEXPECTED_EOF_WHILE_READING")


@pytest.mark.parametrize("suite", [
    "AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256"])
def test_suites_without_forward_secrecy_or_aead_are_refused(gate, suite):
    tls = gate.tls()
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers(f"{suite}:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        exchange(gate, tls)


@pytest.mark.parametrize("version", [
    ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(gate, version):
    tls = context(gate, version)
    _, session, _, reused = exchange(gate, tls)
    assert not reused
    _, _, text, reused = exchange(gate, tls, session)
    assert reused
    assert text.startswith(b"HTTP/1.1 200 ")


def test_the_certificate_is_for_our_name_only(gate):
    with socket.create_connection(("127.0.0.1", gate.port), timeout=10) as tcp:
        with pytest.raises(ssl.SSLCertVerificationError):
            gate.tls().wrap_socket(tcp, server_hostname="example.com")


def test_the_certificate_is_p256_and_not_our_ca(gate):
    pem = ssl.get_server_certificate(("127.0.0.1", gate.port))
    text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem,
                          capture_output=True, text=True, check=True).stdout
    assert "prime256v1" in text
    assert "CA:TRUE" not in text
    assert "DNS:localhost" in text


def test_nothing_answers_in_the_clear(gate):
    with socket.create_connection(("127.0.0.1", gate.port), timeout=15) as s:
        s.sendall(REQUEST.format(gate.authority).encode())
        text = b""
        try:
            while part := s.recv(4096):
                text += part
        except ConnectionError:
            pass
    assert b"HTTP/" not in text, text


def test_no_other_port_is_open(gate):
    """Of all our processes only the edge listens, and the monitor for
    /metrics."""
    try:
        os.readlink(f"/proc/{gate.pid('edge')}/fd/0")
    except PermissionError:
        pytest.skip("only root with CAP_SYS_PTRACE sees whose a port is")
    said = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True,
                          check=True).stdout
    ours = {f"pid={pid}," for pid in gate.pids()}
    ports = {line.split()[3].rpartition(":")[2]
             for line in said.splitlines()
             if any(pid in line for pid in ours)}
    assert ports == {str(gate.port), str(gate.metrics_port)}
