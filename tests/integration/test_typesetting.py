"""PDF: what stands in it is what the document says; nothing in a value is markup, and nothing takes without end."""

import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from zlib import crc32

import pytest
from PIL import Image
from pypdf import PdfReader

from tests.acceptance.processes import wait_for
from tests.documents import KEPT, LINE, NAMES, document, kept, lines, told
from trueup.extras import MissingExtra
from trueup.limits import LOGO_BYTES_MAX
from trueup.store.catalog.parties import Party
from trueup_worker.documents import typesetter as module
from trueup_worker.documents.logo import BadLogo, png_of
from trueup_worker.documents.typesetter import NotSet, Typesetter
from trueup_worker.documents.typesetters import Typesetters

FD_SETSIZE = 1_024  # descriptors from there on are beyond select()
needs_fonts = pytest.mark.slow  # those of all scripts, which .ci/run installs; `make test` needs none


@pytest.fixture(scope="module")
def typesetter() -> Iterator[Typesetter]:
    """One for all."""
    with Typesetter() as running:
        yield running


def text_of(pdf: bytes) -> str:
    """The text of all pages, without what breaks lines."""
    pages = (page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
    return "".join(" ".join(pages).replace("\u200b", "").split())


def plain(value: str) -> str:
    """A value without spaces, as `text_of` has it."""
    return "".join(value.split())


@needs_fonts
def test_everything_of_a_document_stands_in_it(typesetter: Typesetter) -> None:
    """Every text of every part."""
    shown = document(true_up=(("Committed", "100.00 USD"), ("Due (=)", "40.00 USD")))
    text = text_of(typesetter.pdf(shown))
    party = [asdict(each).values() for each in (shown.seller, shown.customer)]
    rows = [*shown.facts, *shown.true_up, *shown.totals]
    values = [*party[0], *party[1], *(each for row in rows for each in row), *shown.notes, shown.footer]
    assert [each for each in values if plain(each) not in text] == []
    assert all(plain(each) in text for each in (LINE.name, LINE.note, LINE.quantity, LINE.unit_price, LINE.amount))


@pytest.mark.parametrize("name", [each for each in NAMES if each.isascii()])
def test_markup_in_a_name_is_text(typesetter: Typesetter, name: str) -> None:
    """Typst's, and HTML's."""
    assert plain(name) in text_of(typesetter.pdf(document(*lines(1, name))))


@needs_fonts
def test_names_in_other_scripts(typesetter: Typesetter) -> None:
    """Japanese as it is; Arabic is there, whichever way a reader puts it in order."""
    text = text_of(typesetter.pdf(document(*lines(3))))
    assert plain(NAMES[1]) in text
    assert sum("\u0600" <= each <= "\u06ff" or "\ufb50" <= each <= "\ufeff" for each in text) >= len(plain(NAMES[2]))


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (10, 1), (300, 13), (1_000, 43)])
def test_any_number_of_lines(typesetter: Typesetter, count: int, pages: int) -> None:
    """All of them are there, on as many pages as it takes, and the totals once."""
    pdf = typesetter.pdf(document(*lines(count)))
    text = text_of(pdf)
    assert len(PdfReader(BytesIO(pdf)).pages) == pytest.approx(pages, rel=0.3)
    assert all(f"-{at}.5" in text for at in range(count))
    assert text.count("Amountdue") == 1


@pytest.mark.parametrize(
    "name",
    ["draft", "void-true-up", *(pytest.param(each, marks=needs_fonts) for each in ("japanese", "arabic", "pages"))],
)
def test_the_text_is_what_was_kept(typesetter: Typesetter, name: str) -> None:
    """Word by word, in its order; after a change that is meant, `python -m tests.documents` writes it anew."""
    assert told(typesetter.pdf(KEPT[name])) == kept(name)


def test_a_page_as_a_picture(typesetter: Typesetter) -> None:
    """An upright page of A4 with something on it, but mostly white; a mark is seen across it, a logo at its top."""
    image = BytesIO()
    Image.new("RGB", (300, 100), "navy").save(image, "PNG")
    shown = document(*lines(10), customer=Party(name="Birch"))
    plain, marked, signed = (
        Image.open(BytesIO(typesetter.pdf(each, kind="png"))).convert("RGB")
        for each in (shown, replace(shown, mark="VOID"), replace(shown, logo=png_of(image.getvalue())))
    )
    assert plain.height / plain.width == pytest.approx(297 / 210, abs=0.01)
    assert 0.01 < share(plain, lambda *colour: sum(colour) < 600) < 0.2
    assert share(plain, reddish) < 0.005 < share(marked, reddish)
    top = signed.crop((plain.width // 2, 0, plain.width, plain.height // 6))
    assert share(top, lambda *colour: max(colour[:2]) < 40 and colour[2] > 100) > 0.01


def share(picture: Image.Image, is_meant: Callable[[int, int, int], bool]) -> float:
    """Share of a picture's pixels."""
    counted = picture.getcolors(picture.width * picture.height) or []
    return sum(count for count, colour in counted if is_meant(*colour)) / (picture.width * picture.height)  # type: ignore[misc]


def reddish(red: int, green: int, blue: int) -> bool:
    """Tell whether it is the colour of marks, which are seen through."""
    return red > 160 and red - green > 15 and red - blue > 10


@pytest.mark.parametrize("mark", ["DRAFT", "VOID"])
def test_a_mark_is_on_every_page(typesetter: Typesetter, mark: str) -> None:
    """Whoever holds one page of it knows."""
    pages = PdfReader(BytesIO(typesetter.pdf(document(*lines(100), mark=mark)))).pages
    assert len(pages) > 1
    assert all(mark in page.extract_text() for page in pages)


def test_the_same_document_gives_the_same_bytes(typesetter: Typesetter) -> None:
    """From another process, at another time, after other documents; with a logo, too."""
    image = BytesIO()
    Image.new("RGB", (300, 100), "navy").save(image, "JPEG")
    shown = document(*lines(10), logo=png_of(image.getvalue()))
    first = typesetter.pdf(shown)
    typesetter.pdf(document(*lines(2)))
    with Typesetter() as another:
        assert typesetter.pdf(shown) == another.pdf(shown) == first


def test_a_document_that_takes_too_long_is_given_up() -> None:
    """And the next one is set."""
    with Typesetter(seconds=1) as impatient:
        began = time.monotonic()
        with pytest.raises(NotSet, match="more than 1 s"):
            impatient.pdf(document(*lines(20_000)))
        assert time.monotonic() - began < 10
    with Typesetter() as another:
        assert another.pdf(document())


def test_a_document_that_takes_long_delays_no_other() -> None:
    """Another process sets it; one after the other is set by one."""
    with closing(Typesetters(2)) as both, ThreadPoolExecutor(1) as beside:
        both.pdf(document(), print)
        both.pdf(document(), print)
        assert [each._process is not None for each in both._all] == [False, True]
        for each in both._all:
            each.pdf(document())
        slow = beside.submit(both.pdf, document(*lines(20_000)), print)
        wait_for(lambda: both._idle.qsize() == 1, what="the slow one to begin")
        assert both.pdf(document(), print).startswith(b"%PDF")
        assert not slow.done()
        for each in both._all:
            assert each._process
            each._process.kill()
        slow.exception(60)


@needs_fonts
def test_a_character_that_no_font_has_is_told() -> None:
    """The document is made all the same; where all are there, it is PDF/A, and nothing is told."""
    told: list[str] = []
    with Typesetter() as telling:
        whole = telling.pdf(document(), tell=told.append)
        assert (b"pdfaid" in whole, told) == (True, [])
        lacking = document(*lines(1, "no such letter: \U0003fffd"))
        assert telling.pdf(lacking, tell=told.append).startswith(b"%PDF")
    [said] = told
    assert said.startswith("invoice-7: ")
    assert "could not be displayed" in said


def test_hostile_values_change_nothing(typesetter: Typesetter) -> None:
    """Long words break, controls and lone surrogates are characters like others."""
    hostile = ["X" * 1_000, "\u202e" * 1_000, "\x01\x1b[0m\t\r", "\ud800", "a\u0301" * 500, "👩‍👩‍👧‍👦" * 200, '"}{"']
    for name in hostile:
        assert typesetter.pdf(document(*lines(3, name))).startswith(b"%PDF")


def test_a_process_that_died_is_followed_by_another(typesetter: Typesetter) -> None:
    """Somebody may have killed it."""
    typesetter.pdf(document())
    running = typesetter._process
    assert running
    running.kill()
    running.wait()
    assert typesetter.pdf(document()).startswith(b"%PDF")


def test_in_a_process_with_many_open_files() -> None:
    """As a gateway has with a thousand connections: descriptors of the exchange are as high as they get."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4_096), hard))
    try:
        with ExitStack() as opened, Typesetter() as busy:
            while opened.enter_context(Path(os.devnull).open("rb")).fileno() < FD_SETSIZE:
                pass
            assert busy.pdf(document()).startswith(b"%PDF")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install."""
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with Typesetter() as lacking, pytest.raises(MissingExtra, match=r"pip install 'trueup\[pdf\]'"):
        lacking.pdf(document())


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_logo_is_kept_as_png(form: str) -> None:
    """Small enough, and without what else was in the file."""
    image = BytesIO()
    Image.effect_noise((2_000, 900), 90).convert("RGB").save(image, form)
    png = png_of(image.getvalue())
    assert len(png) <= LOGO_BYTES_MAX
    with Image.open(BytesIO(png)) as made:
        assert made.format == "PNG"


def test_a_logo_of_too_many_pixels_is_refused() -> None:
    """However small its file is, and however many it says."""
    image = BytesIO()
    Image.new("1", (1, 1)).save(image, "PNG")
    for side in (6_000, 10_000, 20_000):
        size = b"IHDR" + side.to_bytes(4) * 2 + image.getvalue()[24:29]
        content = image.getvalue()[:12] + size + crc32(size).to_bytes(4) + image.getvalue()[33:]
        with pytest.raises(BadLogo, match="more than 25,000,000 pixels"):
            png_of(content)


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"\x89PNG\r\n\x1a\n", b"x" * 6_000_000, json.dumps({}).encode()])
def test_what_is_no_logo_is_refused(content: bytes) -> None:
    """And told why."""
    with pytest.raises(BadLogo):
        png_of(content)
