"""The page's files: few, small, own, and under a policy that lets no other code or place in."""

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from trafficfed.config.settings import ListenAddress
from trafficfed.observe.http_api import serving
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.page_files import PAGE, page_files
from trafficfed.testing.operations import ScriptedOperations

FILES = page_files()
SCRIPTS = {path: file.body.decode() for path, file in FILES.items() if path.endswith(".js")}


@pytest.fixture
async def address() -> AsyncIterator[ListenAddress]:
    listen = ListenAddress("127.0.0.1", 0)
    async with serving(ScriptedOperations(), Metrics(Gauges), listen=listen, token="t" * 43) as bound:
        yield bound


def test_all_of_it_is_less_than_200_kilobytes() -> None:
    assert sum(len(file.body) for file in FILES.values()) < 200_000


def test_every_file_of_the_folder_is_served() -> None:
    assert len(FILES) == len([path for path in PAGE.iterdir() if path.is_file()])


@pytest.mark.parametrize("path", FILES)
async def test_each_is_served_with_its_type_and_the_policy(path: str, address: ListenAddress) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}{path}") as answer:
        assert (answer.status, await answer.read()) == (200, FILES[path].body)
        assert answer.content_type == FILES[path].content_type
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_browser_that_has_a_file_is_told_so(address: ListenAddress) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://{address}/") as first:
            tag = first.headers["ETag"]
        async with session.get(f"http://{address}/", headers={"If-None-Match": tag}) as second:
            assert (second.status, await second.read()) == (304, b"")
        async with session.get(f"http://{address}/", headers={"If-None-Match": '"other"'}) as third:
            assert third.status == 200


@pytest.mark.parametrize("path", ["/page/", "/page/../http_api.py", "/page/%2e%2e/http_api.py", "/page/page.py"])
async def test_nothing_but_these_files_is_served(path: str, address: ListenAddress) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}{path}") as answer:
        assert answer.status == 404


def test_nothing_is_loaded_from_elsewhere() -> None:
    """But for names of XML namespaces, no file has an address of another host in it."""
    for path, file in FILES.items():
        found = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+", file.body.decode())
        assert {*found} <= {"http://www.w3.org"}, path


def test_no_code_makes_markup_of_text() -> None:
    assert SCRIPTS
    for path, code in SCRIPTS.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", code), (
            path
        )


def test_the_page_has_no_inline_code_or_style() -> None:
    page = FILES["/"].body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", page)
