"""What is no token is refused before anybody is asked."""

import asyncio
from typing import Any, cast

import pytest

from tests.integration.intake import settings_of
from trueup_worker.gateway.callers.authentication import Authentication
from trueup_worker.gateway.http.refusals import Refusal


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Basic dHU=", "Bearer nonsense", "Bearer tu_", "tu_a_" + "b" * 64]
)
def test_what_is_no_token(header: str | None) -> None:
    """401 with how to do it; the database is not asked."""
    nobody = cast("Any", None)
    authentication = Authentication(nobody, nobody, settings_of())
    with pytest.raises(Refusal) as refused:
        asyncio.run(authentication.admit(header, "read"))
    assert (refused.value.status_code, refused.value.body.code) == (401, "unauthenticated")
    assert "authorization: Bearer tu_" in refused.value.body.message
