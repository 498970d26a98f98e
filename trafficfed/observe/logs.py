"""Log lines: JSON for machines, columns for a terminal; reports and stdlib records in one shape."""

import logging
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog

from trafficfed.observe.lines import line
from trafficfed.observe.news import News
from trafficfed.ports import Clock
from trafficfed.reports import Observed, ReportEvent

Logger = structlog.typing.FilteringBoundLogger
_LEVELS: Mapping[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def logger(stream: TextIO, clock: Clock, level: str = "info", format: str = "auto") -> Logger:
    """A logger that writes to one stream; ``format`` auto is console where the stream is a terminal, else json."""
    console = format == "console" or (format == "auto" and stream.isatty())
    render = structlog.dev.ConsoleRenderer(colors=stream.isatty()) if console else _json
    made: Logger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[structlog.processors.add_log_level, _stamp(clock), structlog.processors.format_exc_info, render],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=False,
    )
    return made


def _stamp(clock: Clock) -> structlog.typing.Processor:
    def stamp(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        at = datetime.fromtimestamp(clock.now_s(), UTC).isoformat(timespec="milliseconds")
        level, what = event.pop("level"), event.pop("event")
        return {"timestamp": at.replace("+00:00", "Z"), "level": level, "event": what, **event}

    return stamp


def _json(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(event, default=str).decode()


class LogReports:
    """Writes each report as one line; a listener of reports. Single probes show at level debug only."""

    def __init__(self, logger: Logger) -> None:
        self._log = logger
        self._news = News()
        self._probes = logger.is_enabled_for(logging.DEBUG)

    def __call__(self, event: ReportEvent) -> None:
        if not self._news(event) or (isinstance(event, Observed) and not self._probes):
            return
        told = line(event)
        write: Callable[..., Any] = getattr(self._log, told.level)
        write(told.kind, **{name: value for name, value in told.fields if value != ""})


class StdlibBridge(logging.Handler):
    """Passes what libraries log through ``logging`` on as lines of ours."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._log = logger

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None)


def adopt_stdlib(logger: Logger) -> None:
    """Send all stdlib logging of this process from level warning on to ``logger``; called once, by who starts up."""
    logging.basicConfig(level=logging.WARNING, handlers=[StdlibBridge(logger)], force=True)
