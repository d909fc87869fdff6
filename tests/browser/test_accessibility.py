"""axe finds nothing that is ours; what the readers' own parts break is listed, each with its reason."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_swagger_ui import of_create, shown

SWAGGER_UI = {
    "button-name": ".close-modal, .copy-to-clipboard button",  # a picture without words
    "heading-order": ".opblock-tag, .modal-ux-header h3",  # its title is an h1, its groups and dialogs are h3
    "label": ".body-param__text",  # the body that is edited has a heading, and no label
    "nested-interactive": ".opblock-summary-control",  # a button that has another for the path in it
    "select-name": ".examples-select-element",  # the choice among examples has a label beside it, not of it
}
REDOC = {
    "aria-required-parent": '[role="menuitem"]',  # a list stands between the menu and its items
    "heading-order": "h5",  # parts of a call are h5 under its h2
    "list": 'ul[role="menu"] ul',  # the items of that list have another role
    "scrollable-region-focusable": "pre",  # long samples scroll, and Tab does not stop at them
    "select-name": ".dropdown-select",  # the choice of a media type has no label
}


# Of the forty calls that Redoc shows, all alike: one with a body of JSON and one that takes a file.
OF_REDOC = {"exclude": [['[id^="operation/"]:not([id$="/create_commit"], [id$="/create_batch"])']]}
LISTED = """([found, listed]) => found.filter(
    ([rule, target]) => !(rule in listed && document.querySelector(target).matches(listed[rule])))"""


def not_listed(page: Page, listed: dict[str, str], context: dict[str, Any] | None = None) -> list[Any]:
    """Rules that are broken by an element that is not listed for them, with its selector."""
    violations = Axe().run(page, context).response["violations"]
    found = [(each["id"], node["target"][0]) for each in violations for node in each["nodes"]]
    left: list[Any] = page.evaluate(LISTED, [found, listed])
    return left


def swagger_list(page: Page) -> None:
    """All calls, closed."""
    page.goto("/docs")
    expect(page.locator(".opblock").first).to_be_visible()


def one_call(page: Page) -> Locator:
    """The call that creates a commit, open, and no other."""
    call = of_create(page)
    page.get_by_role("searchbox").fill("promise to spend")
    expect(shown(page)).to_have_count(1)
    return call


def swagger_call(page: Page) -> None:
    """A call with its samples and its schema open."""
    call = one_call(page)
    for summary in call.locator(".code-sample summary").all():
        summary.click()
    call.get_by_role("tab", name="Schema").first.click()
    expect(call.locator(".json-schema-2020-12").first).to_be_visible()


def swagger_authorization(page: Page) -> None:
    """The dialog that asks for a token."""
    one_call(page)
    page.get_by_role("button", name="Authorize").click()
    expect(page.locator(".modal-ux")).to_be_visible()


def swagger_tried(page: Page) -> None:
    """A call that was sent, and refused."""
    call = one_call(page)
    call.get_by_role("button", name="Try it out").click()
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table .response")).to_contain_text("unauthenticated")


@pytest.mark.parametrize("state", [swagger_list, swagger_call, swagger_authorization, swagger_tried])
def test_swagger_ui(page: Page, state: Callable[[Page], None]) -> None:
    """Only what is listed is found."""
    state(page)
    assert not_listed(page, SWAGGER_UI) == []


def test_redoc(page: Page) -> None:
    """Only what is listed is found, the menu open at a call."""
    page.goto("/redoc#operation/create_commit")
    expect(page.get_by_role("menuitem", name="Create a commit").first).to_be_visible()
    assert not_listed(page, REDOC, OF_REDOC) == []
