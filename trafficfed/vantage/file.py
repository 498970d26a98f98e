"""A prober's YAML file -> its settings: every mistake told at once with its file, line and key."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError

from trafficfed.config import wording
from trafficfed.config.fields import Identifier, Listen, Section, Text
from trafficfed.config.places import Document, Mistake, Syntax, dotted, read
from trafficfed.config.schema import LogSection
from trafficfed.config.settings import read_key
from trafficfed.errors import ConfigError
from trafficfed.nameserver.settings import KEY_OCTETS
from trafficfed.vantage.settings import ProberSettings

Resolve = Callable[[str], Path]
_KEY_FILE = ("prober", "key-file")


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


class ProberSection(Section):
    """A vantage: where it is, and whom it serves."""

    name: Identifier = Field(
        examples=["eu-1"], description="its name among all vantages. Of two with one name only the newer is heard"
    )
    cluster: Identifier | None = Field(
        None, description="the member it runs in. What `vantages[].cluster` says goes before it"
    )
    region: Text = Field("", description="shown beside its name")
    controllers: Annotated[tuple[Listen, ...], BeforeValidator(_one_or_many)] = Field(
        min_length=1,
        examples=["[192.0.2.10:9053, 198.51.100.10:9053]"],
        description="feeds of all controllers (`host:port`), the nearest first",
    )
    key_file: Text = Field(examples=["./feed.key"], description="the file with the key that it shares with them")
    metrics: Listen | None = Field(None, description="address and port for `/metrics`, `/livez` and `/readyz`")


class ProberFile(Section):
    """The whole file."""

    prober: ProberSection = Field(examples=["{name: eu-1, …}"])
    log: LogSection = LogSection()


def load(path: Path, environ: Mapping[str, str]) -> ProberSettings:
    """The settings in a file; relative paths in it are relative to its own folder, ``~`` is ``$HOME``.

    Raises ConfigError with one line ``file:line: key.path: what is wrong; how to fix`` for each mistake.
    """
    document = _document(path)

    def resolve(written: str) -> Path:
        home = environ.get("HOME", "")
        return (path.parent / (home + written[1:] if written.startswith("~/") else written)).absolute()

    file, found = _validate(document.data)
    if file is not None:
        found += tuple(_mistakes(file.prober, resolve))
    if file is None or found or document.mistakes:
        raise ConfigError("\n".join(_lines(path, document, (*document.mistakes, *found))))
    warnings = _lines(path, document, tuple(_warnings(file.prober, resolve)))
    return _settings(file, resolve, tuple(warnings))


def _document(path: Path) -> Document:
    try:
        return read(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name yours with --config") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text at byte {error.start}; save it as UTF-8") from None
    except Syntax as error:
        raise ConfigError(f"{path}:{error.line}: is no YAML: {error}; correct the indentation or the quoting") from None


def _validate(data: object) -> tuple[ProberFile | None, tuple[Mistake, ...]]:
    if not isinstance(data, dict):
        return None, (Mistake((), "holds no section; start it with prober:"),)
    try:
        return ProberFile.model_validate(data), ()
    except ValidationError as error:
        return None, wording.mistakes(error, ProberFile)


def _settings(file: ProberFile, resolve: Resolve, warnings: tuple[str, ...]) -> ProberSettings:
    section = file.prober
    return ProberSettings(
        name=section.name,
        cluster=section.cluster or "",
        region=section.region,
        controllers=tuple(map(str, section.controllers)),
        key=read_key(resolve(section.key_file)),
        metrics=str(section.metrics or ""),
        level=file.log.level,
        format=file.log.format,
        warnings=warnings,
    )


def _mistakes(section: ProberSection, resolve: Resolve) -> Iterator[Mistake]:
    """What the shape alone does not tell."""
    for at, address in enumerate(section.controllers):
        here = ("prober", "controllers", at)
        if address in section.controllers[:at]:
            yield Mistake(here, f"{address} is written twice; keep one of them")
        if address.port == 0:
            yield Mistake(here, f"{address} has no port to connect to; write 1 to 65535")
    written, file = section.key_file, resolve(section.key_file)
    if not file.is_file():
        yield Mistake(_KEY_FILE, f"names {written}, which is no file; copy it from the controllers' side")
    elif not os.access(file, os.R_OK):
        yield Mistake(_KEY_FILE, f"names {written}, which this user cannot read; mend its owner or its mode")
    elif len(read_key(file)) < KEY_OCTETS:
        text = f"names {written}, whose key is shorter than {KEY_OCTETS} octets; copy the whole of it"
        yield Mistake(_KEY_FILE, text)


def _warnings(section: ProberSection, resolve: Resolve) -> Iterator[Mistake]:
    if resolve(section.key_file).stat().st_mode & 0o007:
        text = f"names {section.key_file}, which every user of this machine can read; run chmod 600 on it"
        yield Mistake(_KEY_FILE, text)


def _lines(path: Path, document: Document, found: tuple[Mistake, ...]) -> list[str]:
    places = sorted({(line or document.line(at), dotted(at), text) for at, text, line in found})
    return [f"{path}:{line}: {key}: {text}" if key else f"{path}:{line}: {text}" for line, key, text in places]
