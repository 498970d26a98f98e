"""A backend is a real server: it can be stopped, hung, slowed and made to fail, and comes back at the same port."""

import contextlib
import http.client
import socket
import subprocess
import sys

import pytest

from trafficfed.testing.backends import Backend, Seen


def get(backend: Backend, path: str = "/healthz", timeout_s: float = 5.0) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(backend.address, backend.port, timeout=timeout_s)
    try:
        connection.request("GET", path, headers={"Host": "web.fed.test"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_it_answers_with_its_name_and_remembers_what_it_was_asked() -> None:
    with Backend("127.0.41.1", name="eu") as backend:
        assert get(backend, "/x?y=1") == (200, b"eu\n")
        assert list(backend.seen) == [Seen("GET", "/x?y=1", "web.fed.test")]
        assert backend.connections == 1


def test_stopped_it_refuses_connections_and_started_again_it_has_the_same_port() -> None:
    with Backend("127.0.41.2") as backend:
        port = backend.port
        backend.stop()
        assert not backend.up
        with pytest.raises(ConnectionRefusedError):
            get(backend)
        backend.start()
        assert backend.port == port
        assert get(backend)[0] == 200


def test_stop_cuts_connections_that_wait_for_an_answer() -> None:
    with Backend("127.0.41.3") as backend:
        backend.hang()
        with socket.create_connection((backend.address, backend.port), timeout=5) as waiting:
            waiting.sendall(b"GET / HTTP/1.1\r\n\r\n")
            backend.stop()
            with contextlib.suppress(ConnectionResetError):
                assert waiting.recv(1) == b""


def test_hung_it_accepts_but_answers_only_after_recovery() -> None:
    with Backend("127.0.41.4") as backend:
        backend.hang()
        with socket.create_connection((backend.address, backend.port), timeout=0.05) as waiting:
            waiting.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(TimeoutError):
                waiting.recv(1)
            backend.recover()
            waiting.settimeout(5)
            assert waiting.recv(12) == b"HTTP/1.1 200"


def test_a_mood_set_while_it_is_down_holds_when_it_comes_up() -> None:
    backend = Backend("127.0.41.5")
    backend.hang()
    with backend, pytest.raises(TimeoutError):
        get(backend, timeout_s=0.05)


def test_slow_delays_the_answer_and_fail_changes_its_status() -> None:
    with Backend("127.0.41.6") as backend:
        backend.slow(30)
        with pytest.raises(TimeoutError):
            get(backend, timeout_s=0.05)
        backend.fail(503)
        assert get(backend)[0] == 503
        backend.recover()
        assert get(backend)[0] == 200


def test_a_taken_port_is_an_error_at_start_and_leaves_it_down() -> None:
    with Backend("127.0.41.7") as first:
        second = Backend("127.0.41.7", first.port)
        with pytest.raises(OSError, match="address already in use"):
            second.start()
        assert not second.up
        assert get(first)[0] == 200


def test_what_is_no_request_harms_nobody_else() -> None:
    with Backend("127.0.41.8") as backend:
        with socket.create_connection((backend.address, backend.port), timeout=5) as rude:
            rude.sendall(b"nonsense\r\n\r\n")
            assert rude.recv(1) == b""
        assert get(backend)[0] == 200


@pytest.mark.real
def test_as_a_program_it_serves_until_its_input_ends() -> None:
    command = [sys.executable, "-m", "trafficfed.testing.backends", "127.0.41.9", "0", "--name", "us", "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        line = process.stdout.readline()
        port = int(line.rsplit(":", 1)[1])
        assert get(Backend("127.0.41.9", port)) == (200, b"us\n")
        process.stdin.close()
        assert process.wait(10) == 0
