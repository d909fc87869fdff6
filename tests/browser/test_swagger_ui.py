"""`/docs`: calls are listed, found, described and tried."""

import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import NARROW, Site, opened, texts_missing

CREATE = "/docs#/Creating/create_commit"
KEY = "order-4711"


def shown(page: Page) -> Locator:
    """The calls that are listed."""
    return page.locator(".opblock:not(.webhooks *)")


def of_create(page: Page) -> Locator:
    """The open description of the call that creates a commit."""
    page.goto(CREATE)
    return page.locator("#operations-Creating-create_commit")


def authorize(page: Page, token: str) -> None:
    """Gives a token, as a person does."""
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".modal-ux")
    dialog.get_by_role("textbox").fill(token)
    dialog.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Close").last.click()


def execute(page: Page, call: Locator, *, key: str) -> tuple[str, str]:
    """Sends the example under another key; status and body of the answer."""
    if call.get_by_role("button", name="Try it out").is_visible():
        call.get_by_role("button", name="Try it out").click()
    body = call.locator("textarea.body-param__text")
    body.fill(body.input_value().replace(KEY, key))
    with page.expect_response("**/v1/contracts/customerCommits/create") as response:
        call.get_by_role("button", name="Execute").click()
    answer = call.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_contain_text(str(response.value.status))  # not that of before
    return answer.locator(".response-col_status").inner_text(), answer.locator(".response-col_description").inner_text()


def test_every_call_is_listed(page: Page, site: Site) -> None:
    """By method and path."""
    page.goto("/docs")
    expect(shown(page)).to_have_count(len(site.operations))
    listed = {
        (
            each.locator(".opblock-summary-method").inner_text().lower(),
            each.locator("[data-path]").get_attribute("data-path"),
        )
        for each in shown(page).all()
    }
    assert listed == {(method, path) for method, path, _ in site.operations.values()}


def test_a_deep_link_opens_its_call(page: Page) -> None:
    """And a call that is opened by hand has one."""
    expect(of_create(page).get_by_role("button", name="Try it out")).to_be_visible()
    page.goto("/docs#/")
    page.locator("#operations-Invoices-void .opblock-summary-control").click()
    expect(page).to_have_url(re.compile(r"/docs#/Invoices/void$"))


@pytest.mark.parametrize(
    ("phrase", "found"),
    [
        ("Regenerate", {"regenerate"}),
        ("INVOICES/VOID", {"void"}),
        ("promise to spend", {"create_commit"}),
        ("health", {"livez", "readyz", "healthz"}),
        ("no call says this", set()),
    ],
)
def test_the_filter(page: Page, site: Site, phrase: str, found: set[str]) -> None:
    """It looks at paths, tags and descriptions; without it all are there again."""
    page.goto("/docs")
    field = page.get_by_role("searchbox", name="Filter calls")
    field.fill(phrase)
    expect(shown(page)).to_have_count(len(found))
    names = {(each.get_attribute("id") or "").rpartition("-")[2] for each in shown(page).all()}
    assert names == found
    field.fill("")
    expect(shown(page)).to_have_count(len(site.operations))


def test_fields_show_types_and_bounds(page: Page) -> None:
    """Whoever opens the schema sees them without another click."""
    call = of_create(page)
    call.get_by_role("tab", name="Schema").first.click()
    expect(call.locator(".json-schema-2020-12").first).to_be_visible()
    told = [
        "customer_idstringuuid",
        "prioritynumber",
        "namestring | null[1, 1000] characters",
        "array<string> | null≤ 500 items",
        "array<object>[1, 1200] items",
    ]
    assert texts_missing(call.locator(".opblock-section-request-body"), told) == []


def test_a_call_is_tried(page: Page, site: Site) -> None:
    """Without a token it is refused; with one there is a commit; once more it is a duplicate."""
    call = of_create(page)
    assert execute(page, call, key="tried")[0].startswith("401")
    authorize(page, site.token)
    status, answer = execute(page, call, key="tried")
    assert status.startswith("200")
    [made] = re.findall(r'"id": "([0-9a-f-]{36})"', answer)
    assert site.get(f"/v1/commits/{made}")["data"]["uniqueness_key"] == "tried"
    with page.expect_response("**/customerCommits/create"):
        call.get_by_role("button", name="Execute").click()
    refusal = call.locator(".live-responses-table .response")
    expect(refusal).to_contain_text("the uniqueness_key was used before")
    expect(refusal).to_contain_text(made)


@pytest.mark.parametrize("language", ["curl", "Python", "Node.js"])
def test_a_code_sample_works(page: Page, site: Site, tmp_path: Path, language: str) -> None:
    """It is shown, and makes a commit when it is pasted."""
    call = of_create(page)
    call.locator("summary", has_text=language).click()
    source = call.locator(".code-sample[open] pre").inner_text().replace(KEY, f"by {language}")
    node = compute_driver_executable()[0]
    program = {"curl": ["bash", "-c"], "Python": [sys.executable, "-c"], "Node.js": [node, "--input-type=module", "-e"]}
    done = subprocess.run(
        [*program[language], source],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env=os.environ | {"TRUEUP_TOKEN": site.token},
        text=True,
    )
    [made] = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", done.stdout)
    assert site.get(f"/v1/commits/{UUID(made)}")["data"]["uniqueness_key"] == f"by {language}"


def test_by_keyboard_alone(page: Page) -> None:
    """Tab comes to the filter, from there to a call; Enter opens it, and its form is reached."""
    page.goto("/docs")
    expect(shown(page).first).to_be_visible()
    tab_to(page, "input.operation-filter-input")
    page.keyboard.type("promise to spend")
    expect(shown(page)).to_have_count(1)
    tab_to(page, "button.opblock-summary-control")
    page.keyboard.press("Enter")
    tab_to(page, ".try-out__btn")
    page.keyboard.press("Enter")
    tab_to(page, "textarea.body-param__text")
    tab_to(page, ".execute")
    tab_to(page, ".code-sample summary")
    page.keyboard.press("Enter")
    tab_to(page, ".code-sample pre")


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until what is meant, which may be about to appear, has the focus."""
    expect(page.locator(selector).first).to_be_visible()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} is not reached by Tab")


@pytest.mark.parametrize("path", ["/docs", CREATE])
def test_on_a_narrow_screen(site: Site, chromium: Browser, path: str) -> None:
    """Nothing is wider than the screen."""
    with opened(site, chromium, NARROW) as page:
        page.goto(path)
        expect(shown(page).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW[0]
