"""Real servers as child processes: started on free ports, watched while they start, never left behind."""

import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# Below Linux's ephemeral range (32768-60999): no outgoing connection takes the port while its server restarts.
PORTS = range(20_000, 32_000)
POLL_S = 0.05


class ServerFailed(Exception):
    """A server did not come up or stopped on its own; the text holds the end of its log."""


def free_port(address: str = "127.0.0.1") -> int:
    """A port that is free for TCP and UDP both at this moment. Raises ServerFailed where none is found."""
    for port in random.sample(PORTS, 200):
        try:
            with (
                socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            ):
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tcp.bind((address, port))
                udp.bind((address, port))
        except OSError:
            continue
        return port
    raise ServerFailed(f"no port in {PORTS.start}-{PORTS.stop} of {address} is free for TCP and UDP")


class ServerProcess:
    """One server under our control, with its output in a log file.

    A guard beside it holds a pipe of ours and kills the server when we are gone, however we ended: a killed test
    run leaves no servers behind.
    """

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self.name = Path(arguments[0]).name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; kill -9 "$0"', str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def pause(self) -> None:
        """SIGSTOP: the kernel still accepts connections for it, but nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill_now(self) -> None:
        """SIGKILL without waiting for it, so that several die at one moment; ``kill`` then tidies up."""
        if self.running:
            self._process.kill()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone; harmless where it is gone already."""
        self._guard.kill()
        self._guard.wait()
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        self._process.kill()
        self._process.wait()

    def terminate(self, wait_s: float = 10.0) -> None:
        """SIGTERM, and SIGKILL where that is not enough."""
        self._process.terminate()
        try:
            self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            pass  # the kill below is the answer to it
        finally:
            self.kill()

    def wait_until(self, ready: Callable[[], bool], wait_s: float = 60.0) -> None:
        """Poll until ``ready``; raise ServerFailed with the end of the log if it exits or takes too long."""
        for _ in range(int(wait_s / POLL_S)):
            if not self.running:
                raise ServerFailed(
                    f"{self.name} exited with {self._process.returncode}; end of {self.log}:\n{self.tail()}"
                )
            if ready():
                return
            time.sleep(POLL_S)
        raise ServerFailed(f"{self.name} was not ready after {wait_s:.0f} s; end of {self.log}:\n{self.tail()}")

    def tail(self, size: int = 3000) -> str:
        return self.log.read_bytes()[-size:].decode(errors="replace")
