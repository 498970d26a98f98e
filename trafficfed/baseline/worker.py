"""The process that evaluates expressions: it may take so much memory and computing, and dies of more.

Reads requests from standard input and writes answers to standard output, each a message with its length before it. One
that takes too long at one item ends the process by SIGPROF, which is how its parent knows.
"""

import contextlib
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from trafficfed.baseline import expressions
from trafficfed.baseline.judging import Answer, Compile, Judged, Request, Verdict

MEMORY = 256 << 20
"""Octets of data (setrlimit(2), RLIMIT_DATA: what is allocated, not what is mapped); some 40 MiB are in use at rest."""

FIRST_TO_GO = "1000"
"""Where memory runs out for all, as in a container with a limit, this process goes first (proc(5), oom_score_adj)."""

CPU_S = 0.5
"""Computing at one object. An API server gives up after some 0.1 s of it (k8s.io/apiserver/pkg/apis/cel, PerCallLimit,
2026)."""

LENGTH = 4
"""Octets before each message, most significant first."""


def main() -> None:
    """Until standard input ends."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    with contextlib.suppress(OSError):  # no Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in a terminal is its parent's to act on
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    expressions.environment()
    requests, answers = msgspec.msgpack.Decoder(Request), msgspec.msgpack.Encoder()
    while (body := _read(sys.stdin.buffer)) is not None:
        answer = answers.encode(_answer(requests.decode(body)))
        sys.stdout.buffer.write(len(answer).to_bytes(LENGTH) + answer)
        sys.stdout.buffer.flush()


def _answer(request: Request) -> Answer:
    try:
        if isinstance(request, Compile):
            signal.setitimer(signal.ITIMER_PROF, CPU_S)
            return expressions.compile(request.program)
        verdicts: list[Verdict] = []
        for item in request.items:
            signal.setitimer(signal.ITIMER_PROF, CPU_S)
            verdicts += expressions.judge(request.program, request.cluster, (item,)).verdicts
        return Judged(tuple(verdicts))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH)
    return source.read(int.from_bytes(head)) if len(head) == LENGTH else None


if __name__ == "__main__":
    main()
