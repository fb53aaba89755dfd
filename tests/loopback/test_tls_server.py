"""A real web server on 127.0.0.1, dialled under names that fit its certificate and names that do not."""

import socket
import ssl
import threading
import time
from contextlib import suppress

import pytest

from svcnotes.errors import QuestionError
from svcnotes.loopback import Call, call, serving


def test_the_name_in_the_certificate_is_accepted_and_welcome():
    with serving("db.example.com") as server:
        made = call(server, "db.example.com")
    assert (made.status, made.sni, made.host) == (200, "db.example.com", "db.example.com")
    assert "Welcome to db.example.com" in made.body
    assert "accepted" in str(made)


def test_an_alias_fails_the_check_of_the_certificate_before_any_request():
    with serving("db.example.com") as server:
        made = call(server, "my-db")
    assert made.status is None
    assert made.error.startswith("SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED]")
    assert "Hostname mismatch, certificate is not valid for 'my-db'" in made.error
    assert server.log[0] == "TLS hello, asks for my-db"
    assert "hung up" in server.log[1]
    assert not any("GET" in line for line in server.log)


def test_without_the_check_the_host_header_fails_instead():
    with serving("db.example.com") as server:
        made = call(server, "my-db", verify=False)
    assert (made.status, made.host) == (421, "my-db")
    assert "not checked" in str(made)
    assert server.log[-1] == "GET /, Host: my-db → 421 Misdirected Request"


def test_plain_http_knows_its_sites_by_the_host_header():
    with serving("db.example.com", tls=False) as server:
        assert call(server, "my-db").status == 404
        assert call(server, "my-db", host="db.example.com").status == 200
        assert call(server, "DB.example.com").ok
        assert call(server, "my-db").sni == ""


def test_an_address_is_no_name_to_ask_for():
    with serving("db.example.com") as server:
        made = call(server, "127.0.0.1")
    assert made.sni == ""
    assert "IP address mismatch" in made.error
    assert "asks for  no name" in str(made)


def test_the_server_is_gone_after_its_block_even_when_the_block_fails():
    def fail(server):
        raise RuntimeError(server.port)

    with pytest.raises(RuntimeError) as raised, serving() as server:
        fail(server)
    assert raised.value.args == (server.port,)
    assert "ConnectionRefusedError" in call(server, "db.example.com").error


def test_it_listens_on_loopback_only_and_in_daemon_threads():
    with serving() as server:
        assert server._listener.server_address[0] == "127.0.0.1"
        assert server.port > 0
        others = [t for t in threading.enumerate() if t is not threading.main_thread()]
        assert all(thread.daemon for thread in others if "serve_forever" in thread.name)
    with serving() as one, serving() as other:
        assert one.port != other.port


def test_a_client_that_says_nothing_keeps_nobody_waiting():
    began = time.monotonic()
    with serving() as server, socket.create_connection(("127.0.0.1", server.port), 2):
        assert call(server, "db.example.com").ok
    assert time.monotonic() - began < 10


def test_nonsense_on_the_line_is_written_to_the_log_only(capsys):
    with serving() as server:
        with socket.create_connection(("127.0.0.1", server.port), 2) as line:
            line.sendall(b"GET / HTTP/1.0\r\n\r\n")
            line.settimeout(2)
            with suppress(ConnectionResetError):
                line.recv(100)
        assert call(server, "db.example.com").ok
    assert any("hung up" in said for said in server.log)
    assert capsys.readouterr() == ("", "")


def test_an_authority_that_nobody_trusts_is_refused():
    with serving() as server:
        server.trust = ssl.create_default_context()
        assert "unable to get local issuer certificate" in call(server, "db.example.com").error


@pytest.mark.parametrize("name", ["", "a b", "x\r\nHost: y", "ü.example", "a" * 64, "a..b", ".", "a/b", 7])
def test_what_is_no_name_is_refused_with_an_example(name):
    with pytest.raises(QuestionError, match=r"write one such as db\.example\.com"), serving(name):
        pass
    with serving() as server, pytest.raises(QuestionError):
        call(server, name)


def test_a_call_is_a_frozen_value():
    with pytest.raises(AttributeError):
        Call("https://x", "127.0.0.1:1").status = 200
