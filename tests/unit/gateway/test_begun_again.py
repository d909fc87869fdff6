"""What calls wait for in the background does not end because something went wrong once."""

import asyncio

import pytest

from trueup_worker.gateway import services as gateway_module


def test_it_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is done."""
    monkeypatch.setattr(gateway_module, "_AGAIN_S", 0.0)
    failures: list[Exception] = [OSError(28, "no space left on device"), KeyError("a reply")]

    async def work() -> None:
        if failures:
            raise failures.pop()

    asyncio.run(gateway_module._kept_going(work))
    assert failures == []
