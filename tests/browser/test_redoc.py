"""`/redoc`: everything can be read and searched."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import NARROW, Site, opened, texts_missing
from tests.browser.test_swagger_ui import tab_to


def section(page: Page, operation: str) -> Locator:
    """What is told of a call."""
    return page.locator(f'[id="operation/{operation}"]')


def test_every_call_is_told_of(page: Page, site: Site) -> None:
    """Each has its section, with its path."""
    page.goto("/redoc")
    for name, (_, path, _) in site.operations.items():
        expect(section(page, name)).to_contain_text(path)


def test_a_deep_link_shows_its_call(page: Page) -> None:
    """The page opens at it."""
    page.goto("/redoc#operation/void")
    expect(section(page, "void")).to_be_in_viewport()


def test_the_search(page: Page) -> None:
    """It finds a call by words of its description, and leads to it."""
    page.goto("/redoc")
    page.get_by_placeholder("Search...").fill("promise to spend")
    found = page.get_by_role("search").get_by_role("menuitem", name="Create a commit")
    found.click()
    expect(section(page, "create_commit")).to_be_in_viewport()


def test_fields_show_types_and_bounds(page: Page) -> None:
    """In one row with their names."""
    page.goto("/redoc")
    name, key = ("string or null [ 1 .. 1000 ] characters", "string or null [ 1 .. 128 ] characters")
    told = ["customer_id required string <uuid>", f"name {name}", f"uniqueness_key {key}", "<= 500 items"]
    assert texts_missing(section(page, "create_commit"), told) == []


def test_code_samples(page: Page, site: Site) -> None:
    """In three languages, as the document has them."""
    page.goto("/redoc")
    call = section(page, "create_commit")
    for sample in site.operations["create_commit"][2]["x-codeSamples"]:
        call.get_by_role("tab", name=sample["label"]).click()
        expect(call.get_by_role("tabpanel").locator("pre").first).to_have_text(sample["source"])


def test_by_keyboard_alone(page: Page) -> None:
    """Tab comes to the search; what is found is chosen by an arrow and Enter."""
    page.goto("/redoc")
    expect(section(page, "create_commit")).to_be_attached()
    tab_to(page, 'input[placeholder="Search..."]')
    page.keyboard.type("promise to spend")
    expect(page.get_by_role("search").get_by_role("menuitem").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(section(page, "create_commit")).to_be_in_viewport()


@pytest.mark.parametrize("path", ["/redoc", "/redoc#operation/create_commit"])
def test_on_a_narrow_screen(site: Site, chromium: Browser, path: str) -> None:
    """Nothing is wider than the screen."""
    with opened(site, chromium, NARROW) as page:
        page.goto(path)
        expect(section(page, "create_commit")).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW[0]
