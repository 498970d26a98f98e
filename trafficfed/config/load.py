"""trafficfed.yaml -> Settings: read once, every mistake told at once with its file, line and key."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from trafficfed.config import checks, wording
from trafficfed.config.build import build
from trafficfed.config.nameserver_section import NameServerSection, name_server_settings
from trafficfed.config.places import Document, Mistake, Syntax, dotted, read
from trafficfed.config.schema import File
from trafficfed.config.settings import Settings
from trafficfed.errors import ConfigError
from trafficfed.nameserver.settings import mistakes as nameserver_mistakes
from trafficfed.registry import provider_kinds


def load(path: Path, environ: Mapping[str, str], kinds: Collection[str] | None = None) -> Settings:
    """The settings in a file; ``kinds`` are the providers there are, None = those installed as entry points.

    Relative paths in it are relative to the file's own folder, ``~`` is ``$HOME``. Raises ConfigError with one line
    ``file:line: key.path: what is wrong; how to fix`` for each mistake.
    """
    document = _document(path)
    known = provider_kinds() if kinds is None else kinds

    def resolve(written: str) -> Path:
        home = environ.get("HOME", "")
        return (path.parent / (home + written[1:] if written.startswith("~/") else written)).absolute()

    file, found = _validate(document.data)
    found = (
        *document.mistakes,
        *found,
        *checks.mistakes(document.data, known, resolve),
        *_name_server(document, resolve),
    )
    if found or file is None:
        raise ConfigError("\n".join(_lines(path, document, found)))
    notes = tuple(_lines(path, document, checks.warnings(document.data, resolve)))
    return build(file, path, environ, resolve, lambda *key: f"{path}:{document.line(key)}", notes)


def _document(path: Path) -> Document:
    try:
        return read(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; write one, or name yours with --config") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); mend its permissions or name another") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text at byte {error.start}; save it as UTF-8") from None
    except Syntax as error:
        raise ConfigError(f"{path}:{error.line}: is no YAML: {error}; correct the indentation or the quoting") from None


def _validate(data: object) -> tuple[File | None, tuple[Mistake, ...]]:
    if data is None:
        data = {}
    if not isinstance(data, dict):
        return None, (Mistake((), "holds no section; start it with keys such as owner: and clusters:"),)
    try:
        return File.model_validate(data), ()
    except ValidationError as error:
        return None, wording.mistakes(error, File)


def _name_server(document: Document, resolve: checks.Resolve) -> Iterator[Mistake]:
    """What the name server itself finds wrong with its section; silent where it does not even fit its shape."""
    data = document.data.get("nameserver") if isinstance(document.data, dict) else None
    try:
        settings = name_server_settings(NameServerSection.model_validate(data), resolve)
    except (ValidationError, ConfigError):
        return
    for text in nameserver_mistakes(settings):
        yield Mistake(("nameserver",), text.removeprefix("nameserver."))


def _lines(path: Path, document: Document, found: Iterable[Mistake]) -> list[str]:
    places = sorted({(line or document.line(at), dotted(at), text) for at, text, line in found})
    return [f"{path}:{line}: {key}: {text}" if key else f"{path}:{line}: {text}" for line, key, text in places]
