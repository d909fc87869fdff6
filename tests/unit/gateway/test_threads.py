"""Threads are shared fairly, and nobody waits for them for ever."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from threading import Event

import pytest

from trueup_worker.gateway.database.threads import Threads, account_served
from trueup_worker.gateway.http.refusals import Refusal, busy, change_in_doubt


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Four of them, with 20 seconds for each call."""
    with closing(Threads(4, name="four", wait_s=20)) as made:
        yield made


def served(account_id: int) -> None:
    """From here on this account is."""
    account_served.set(account_id)


def test_what_one_account_may_hold(threads: Threads) -> None:
    """Half of them, however much it asks for; the others are answered meanwhile, and then it is, in turn."""
    over, done = Event(), list[int]()

    def work(number: int) -> None:
        assert over.wait(20)
        done.append(number)

    async def run() -> None:
        served(1)
        greedy = [asyncio.create_task(threads.run(work, number)) for number in range(10)]
        await asyncio.sleep(0)
        served(2)
        assert await asyncio.gather(*(threads.run(str, number) for number in range(3))) == ["0", "1", "2"]
        assert done == []
        over.set()
        await asyncio.gather(*greedy)

    asyncio.run(run())
    assert sorted(done) == list(range(10))


def test_who_waits_too_long() -> None:
    """One whose unit began is told that nobody knows; one whose unit did not, that it was not done: nor is it later."""
    over, done = Event(), list[str]()

    def work(name: str) -> None:
        assert over.wait(20)
        done.append(name)

    async def run() -> list[BaseException | None]:
        return await asyncio.gather(
            *(threads.run(work, name, late=change_in_doubt) for name in ("begun", "behind it", "last")),
            return_exceptions=True,
        )

    with closing(Threads(1, name="one", wait_s=0.05)) as threads:
        told = asyncio.run(run())
        over.set()
    assert [type(each) for each in told] == [Refusal] * 3
    assert ["x-should-retry" in (each.headers or {}) for each in told if isinstance(each, Refusal)] == [1, 0, 0]
    assert done == ["begun"]


def test_whoever_waited_in_vain_is_told_for_what() -> None:
    """Behind others, or behind the account's own: not that the database is away."""
    over = Event()

    async def run() -> list[BaseException | None]:
        served(1)
        begun = asyncio.gather(*(threads.run(over.wait, 20) for _ in range(2)), return_exceptions=True)
        await asyncio.sleep(0)
        served(2)
        behind = await asyncio.gather(threads.run(over.wait, 20), return_exceptions=True)
        return [*await begun, *behind]

    with closing(Threads(1, name="one", wait_s=0.05, busy=lambda: busy("the typesetter"))) as threads:
        told = asyncio.run(run())
        over.set()
    assert ["the typesetter is busy" in str(each) for each in told] == [False, True, True]


def test_a_thread_is_held_until_its_work_ends() -> None:
    """Although nobody waits for it any more: an account that gives up and comes again gets no second half."""
    over = Event()

    async def run() -> None:
        served(1)
        for _ in range(3):
            with pytest.raises(Refusal):
                await threads.run(over.wait, 20)
        served(2)
        assert await threads.run(str, 2) == "2"
        over.set()

    with closing(Threads(2, name="two", wait_s=0.5)) as threads:
        asyncio.run(run())


def test_work_that_is_waited_for_by_its_own_measure(threads: Threads) -> None:
    """It may take as long as it likes, while it does not wait for the database."""
    over, waited_s = Event(), [0.0]

    async def run() -> None:
        working = asyncio.create_task(impatient.run(over.wait, 20, waited_s=lambda: waited_s[0]))
        assert await threads.run(over.wait, 0.1) is False
        assert not working.done()
        waited_s[0] = 1.0
        with pytest.raises(Refusal):
            await working
        over.set()

    with closing(Threads(1, name="one", wait_s=0.02)) as impatient:
        asyncio.run(run())


def test_a_thread_that_cannot_be_had() -> None:
    """Whoever asked for it is told, and its account's place is free for the next."""

    async def run() -> None:
        served(1)
        place = threads._place()  # somebody else of the account's waits for it, too
        assert place is not None
        for _ in range(3):
            async with asyncio.timeout(5):
                with pytest.raises(RuntimeError):
                    await threads.run(str, 1)
        assert not place.locked()

    threads = Threads(2, name="none")
    threads.close()
    asyncio.run(run())
