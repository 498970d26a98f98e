"""A backend as a process of its own, so that a user of the demo can kill, stop and start it with his own hands."""

import os
import signal
import subprocess
import sys

MODULE = "trafficfed.testing.backends"


class BackendProcess:
    """One HTTP server in a child process; ends with its parent, whatever becomes of that.

    Methods block for some 0.2 s at most: call them in a thread where a loop must go on.
    """

    def __init__(self, address: str, port: int, *, name: str) -> None:
        self.address = address
        self.port = port
        self.name = name
        self._process: subprocess.Popen[str] | None = None

    @property
    def up(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process to kill or stop; None while it is down."""
        return self._process.pid if self._process is not None and self.up else None

    @property
    def command(self) -> list[str]:
        """How to start it by hand, at the same address and port."""
        return [sys.executable, "-m", MODULE, self.address, str(self.port), "--name", self.name]

    def start(self) -> None:
        """Start it and wait until it listens. Raises OSError where it does not. No-op when up."""
        if self.up:
            return
        self.stop()
        self._process = subprocess.Popen(
            [*self.command, "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            raise OSError(f"the backend {self.name} cannot listen at {self.address}:{self.port}")
        self.port = int(line.rsplit(":", 1)[1])

    def stop(self) -> None:
        """Kill it at once, and clear away what is left of one that died by itself. No-op when down."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def hang(self) -> None:
        """SIGSTOP: connections are accepted and never answered, until ``recover``; returns once it has stopped."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def recover(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
