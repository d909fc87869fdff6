"""No page asks another host for anything, though its policy would let it."""

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Site, opened

PAGES = {"/docs": ".opblock", "/redoc": '[id="operation/create_commit"]'}


@pytest.mark.parametrize("path", PAGES)
def test_the_policy_is_not_needed(site: Site, chromium: Browser, path: str) -> None:
    """A page that is not held by the policy asks this host alone; `opened` looks at every request."""
    with opened(site, chromium, bypass_csp=True) as page:
        page.goto(path)
        expect(page.locator(PAGES[path]).first).to_be_visible()
        page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("path", PAGES)
def test_the_policy_forbids_it(site: Site, path: str) -> None:
    """Scripts, calls and pictures come from here; the page stands in no other's frame."""
    policy = httpx.get(site.url + path).headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; " in policy
    assert "connect-src 'self'; " in policy
    assert "frame-ancestors 'none'; " in policy
    assert "http" not in policy
