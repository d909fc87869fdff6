"""A form with a file and its mapping, as it comes in pieces."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.limits import MAPPING_BYTES_MAX
from trueup_worker.gateway.http.refusals import Refusal
from trueup_worker.gateway.uploads.form import Form

TYPE = 'multipart/form-data; boundary="a b"'


@dataclass
class Kept:
    """A sink that keeps what it is given."""

    content: bytearray = field(default_factory=bytearray)

    def write(self, part: bytes) -> None:
        """Keep a part."""
        self.content += part


def part(name: str, content: bytes, more: str = "") -> bytes:
    """A part of a form."""
    return f'--a b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


END = b"--a b--\r\n"


def read(body: bytes, cuts: list[int] | None = None) -> tuple[Form, bytes]:
    """A form that came in pieces, and its file."""
    kept = Kept()
    form = Form(TYPE, kept)
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts or ()), len(body)]
    for start, end in pairwise(places):
        form.write(body[start:end])
    form.close()
    return form, bytes(kept.content)


CONTENT = (
    st.lists(st.sampled_from([b"\r\n", b"--", b"a b", b"\r", b"\n", b"x", b"\0"]))
    .map(b"".join)
    .filter(lambda content: b"\r\n--a b" not in b"\r\n" + content)
)


@given(CONTENT, CONTENT, st.booleans(), st.lists(st.integers(0, 10_000), max_size=8))
def test_both_parts_whole(file: bytes, mapping: bytes, is_first: bool, cuts: list[int]) -> None:  # noqa: FBT001
    """Wherever the body is cut, in whichever order they stand, and whatever is in them."""
    parts = [part("file", file, '; filename="deals.csv"\r\nContent-Type: text/csv'), part("mapping", mapping)]
    form, kept = read(b"".join(parts if is_first else parts[::-1]) + END, cuts)
    assert (kept, form.mapping, form.file_name, form.file_type) == (file, mapping, "deals.csv", "text/csv")


def refused(body: bytes) -> tuple[str, str]:
    """Path and message of the problem of a form."""
    with pytest.raises(Refusal) as refusal:
        read(body)
    assert refusal.value.status_code == 400
    (error,) = refusal.value.body.errors or ()
    return error.path, error.message


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        (part("mapping", b"") + END, "/file", "is required"),
        (part("file", b"[]"), "", "cut short"),
        (part("file", b"[]") + part("file", b"[]") + END, "/file", "once"),
        (part("kind", b"credit") + END, "/kind", "stands in the query"),
        (part("file", b"W10=", "\r\nContent-Transfer-Encoding: base64") + END, "/file", "as it is"),
        (part("mapping", b"#" * (MAPPING_BYTES_MAX + 1)) + END, "/mapping", "1024 KiB"),
        (b"[]", "", "multipart/form-data"),
        (b"\r\n" * MAPPING_BYTES_MAX + part("file", b"[]") + END, "", "no part of the file"),
        (part("file", b"[]") + END + b"x" * 2 * MAPPING_BYTES_MAX, "", "no part of the file"),
        (part("file", b"[]", "\r\nx: y" * 100) + END, "", "multipart/form-data"),
    ],
    ids=["no file", "cut", "twice", "unknown", "base64", "large", "no form", "before", "after", "headers"],
)
def test_what_is_refused(body: bytes, path: str, said: str) -> None:
    """Each by the part's name where it has one, and with what to do."""
    where, message = refused(body)
    assert where == path
    assert said in message


@pytest.mark.parametrize("content_type", ["multipart/form-data", f"multipart/form-data; boundary={'b' * 1000}"])
def test_a_boundary_that_cannot_be_used(content_type: str) -> None:
    """It is lacking, or longer than any."""
    with pytest.raises(Refusal, match=r"[bB]oundary"):
        Form(content_type, Kept())
