"""The page of an invoice: values are text, nothing runs, nothing is loaded."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from tests.documents import LINE, NAMES, document, lines
from trueup_worker.documents.page import POLICY, page_of


class Read(HTMLParser):
    """What a browser would find: elements, attributes, text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        """A text."""
        self.text += data


def read(page: str) -> Read:
    """A page, read."""
    found = Read()
    found.feed(page)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is(name: str) -> None:
    """Whatever it looks like: no element comes of it."""
    found = read(page_of(document(*lines(1, name))))
    assert name in found.text
    assert not found.tags & {"script", "b", "iframe", "object", "link", "form"}
    assert not {each for each in found.attributes if each.startswith("on")}


def test_every_value_is_in_it() -> None:
    """The same ones that the PDF shows."""
    shown = document(mark="VOID", true_up=(("Committed", "100.00 USD"),))
    text = read(page_of(shown)).text
    rows = [*shown.facts, *shown.true_up, *shown.totals]
    told = [shown.title, shown.mark, LINE.amount, LINE.note, shown.seller.name, shown.customer.email, shown.footer]
    assert all(each in text for each in [*told, *(each for row in rows for each in row)])


def test_a_browser_loads_and_runs_nothing_else() -> None:
    """Of style only ours, by its digest; of images only what stands in the page."""
    page = page_of(document(logo=b"\x89PNG"))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert POLICY.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in POLICY
    assert "://" not in page
    assert 'http-equiv="content-security-policy"' in page
