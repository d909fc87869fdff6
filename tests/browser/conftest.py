"""A running stack, and a real browser that looks at its gateway's pages."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.acceptance.command import Command
from tests.acceptance.processes import ROOT

WIDE, NARROW = (1280, 900), (400, 800)
# First the program without windows: of a whole Chromium without a screen, a page stops being painted now and then.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MILLISECONDS_MAX = 60_000
# Every other name is unknown to the browser, and the root of a container has no sandbox.
_ARGUMENTS = [
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    *(["--no-sandbox"] if os.getuid() == 0 else []),
]

expect.set_options(timeout=_MILLISECONDS_MAX)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Site:
    """A gateway with workers behind it, and a token of an account that has the sample's catalog."""

    url: str
    token: str

    def get(self, path: str) -> Any:
        """The answer to a call."""
        return httpx.get(self.url + path, headers={"authorization": f"Bearer {self.token}"}).raise_for_status().json()

    @property
    def operations(self) -> dict[str, tuple[str, str, dict[str, Any]]]:
        """Method, path and description of every call, by the id of its operation."""
        paths = self.get("/openapi.json")["paths"].items()
        return {
            operation["operationId"]: (method, path, operation)
            for path, methods in paths
            for method, operation in methods.items()
        }


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The whole stack, as `trueup up` starts it."""
    folder = Path(tempfile.mkdtemp(prefix="trueup-"))
    folder.chmod(0o711)  # as root, Postgres runs as another user
    command = Command(folder / "data", folder)
    command.ok("up", "--detach", "--ready-file", folder / "ready.json")
    try:
        command.ok("catalog", "load", ROOT / "deploy/sample/catalog.json")
        token = (folder / "data" / "tokens" / "default").read_text().strip()
        yield Site(json.loads((folder / "ready.json").read_text())["http"], token)
        command.ok("reconcile")
    finally:
        command.ok("down")
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The machine's own browser."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.fail(f"no browser here: install Chromium (Debian: chromium-headless-shell), as one of {_NAMES}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Observed:
    """What a page asked for, and what went wrong in it."""

    requested: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Listens to all that the page does."""
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note)

    def hosts(self) -> set[str]:
        """Where requests went; what the page made itself has none."""
        return {urlsplit(url.removeprefix("blob:")).netloc for url in self.requested if not url.startswith("data:")}

    def _note(self, message: ConsoleMessage) -> None:
        is_refusal = "/v1/" in message.location.get("url", "")  # an answer that a test asked for
        if message.type == "error" and not is_refusal:
            self.errors.append(message.text)


@contextmanager
def opened(site: Site, chromium: Browser, size: tuple[int, int] = WIDE, **options: Any) -> Iterator[Page]:
    """A page of its own; it asks no other host for anything, and nothing goes wrong in it."""
    width, height = size
    context = chromium.new_context(base_url=site.url, viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(_MILLISECONDS_MAX)
    page, observed = context.new_page(), Observed()
    observed.watch(page)
    yield page
    context.close()
    assert observed.hosts() == {urlsplit(site.url).netloc}
    assert observed.errors == []


def texts_missing(section: Locator, texts: Iterable[str]) -> list[str]:
    """Those of the texts that a part of a page does not show."""
    shown = re.sub(r"\s+", " ", section.inner_text())
    return [text for text in texts if text not in shown]


@pytest.fixture
def page(site: Site, chromium: Browser) -> Iterator[Page]:
    """A page as wide as a desktop screen."""
    with opened(site, chromium) as page:
        yield page
