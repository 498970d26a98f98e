"""The live page's files as they are served: read once, named by what they contain, under a policy that lets nothing in.

The page is plain HTML, CSS and JavaScript modules; there is nothing to build, and it loads nothing from elsewhere.
"""

import hashlib
from pathlib import Path

from aiohttp import web

from trafficfed.model import Value

PAGE = Path(__file__).parent / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Content-Security-Policy (W3C, level 3): own files only, no inline code, no frames, no forms that go anywhere; and,
where the browser knows Trusted Types, no text can become markup at all."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class PageFile(Value, frozen=True):
    """One file. ``etag`` changes with its content, so that browsers ask but rarely fetch."""

    body: bytes
    content_type: str
    etag: str


def page_files(folder: Path = PAGE) -> dict[str, PageFile]:
    """Every file of the page by the path it is served at; the page itself at ``/``."""
    found = {f"/page/{path.name}": _read(path) for path in sorted(folder.iterdir()) if path.suffix in TYPES}
    return {"/": found.pop("/page/index.html"), **found}


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    return PageFile(body, TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:32])


def answered(file: PageFile, request: web.Request) -> web.Response:
    """The file, or that the browser has it already."""
    asked = request.if_none_match or ()
    if any(tag.value in (file.etag, "*") for tag in asked):
        answer = web.Response(status=304, headers=HEADERS)
    else:
        answer = web.Response(body=file.body, content_type=file.content_type, charset="utf-8", headers=HEADERS)
        answer.enable_compression()
    answer.etag = file.etag
    return answer
