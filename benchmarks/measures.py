"""What every benchmark measures with: a clock, a process's use of CPU and memory, quantiles."""

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil


def clock_s() -> float:
    return time.monotonic()  # noqa: TID251 - a benchmark measures from outside


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def mib(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20


def peak_mib(process: psutil.Process) -> float:
    """The most it ever had resident (VmHWM of proc(5))."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"no VmHWM for process {process.pid}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def percentile(seconds: Sequence[float], share: int) -> float:
    """The smallest that so many per cent do not exceed (nearest rank)."""
    ordered = sorted(seconds)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def quantiles(seconds: Sequence[float]) -> str:
    """Median and 99th percentile in milliseconds."""
    ordered = sorted(seconds)
    return f"{1000 * statistics.median(ordered):.1f} / {1000 * ordered[int(len(ordered) * 0.99)]:.1f}"
