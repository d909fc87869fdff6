"""JSON that is no JSON Lines: read as what it is, or refused whole."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.producer.files.opening.content import UnreadableInput, open_source
from trueup.producer.files.requests.json_document import elements
from trueup.producer.files.rows import rows, scan

CASES = Path(__file__).parents[2] / "data" / "files"

_SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["[", '"}', "\\", "data", "a\nb"])
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner), max_leaves=8
)
_REQUESTS = st.lists(st.dictionaries(st.text().filter(lambda key: key not in ("data", "body")), _VALUES), min_size=1)


def read(path: Path, content: str | bytes) -> list[object]:
    """The requests that a file of this content holds."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with open_source(path) as source:
        scanned = scan(source)
        found = list(rows(source, scanned=scanned))
    assert scanned.rows == len(found)
    assert scanned.keyless_rows == sum(row.keyless for row in found)
    return [json.loads(row.text) for row in found]


@given(requests=_REQUESTS, ascii_only=st.booleans())
def test_each_form_gives_the_same_requests(
    tmp_path_factory: pytest.TempPathFactory, requests: list[dict[str, object]], *, ascii_only: bool
) -> None:
    """JSON Lines, an array on one line or many, pretty-printed or not, alone or under `data`."""
    path = tmp_path_factory.getbasetemp() / "requests.json"
    texts = [json.dumps(each, ensure_ascii=ascii_only) for each in requests]
    pretty = [json.dumps(each, ensure_ascii=ascii_only, indent=2) for each in requests]
    forms = [
        "\n".join(texts),
        f"[{','.join(texts)}]",
        "[\n" + ",\n".join(texts) + "\n]\n",
        json.dumps(requests, indent=4),
        json.dumps({"data": requests}),
        json.dumps({"next_page": None, "data": requests, "total": {"n": [1]}}, indent=1),
    ]
    if requests[0]:
        forms.append("\r\n".join(pretty).replace("\n", "\r\n"))
    for form in forms:
        assert read(path, form) == requests, form


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"a": 1},\n{"a": 2}', "line 2: a comma or ] is missing"),
        ('[{"a": 1}\n{"a": 2}]', "line 2: a comma or ] is missing"),
        ('[\n{"a": 1},\n{"a": ', "line 3: a bracket or a quote opens in the request that begins here"),
        ('[{"a": 1},]', "line 1: a value is missing"),
        ('{"a": 1},\n{"a": 2},\n{"a": 3}\n', "line 1: a comma stands between two JSON texts"),
        ('{"data": [{"a": 1}]', '"data" is not closed'),
        ('{"data": [{"a": 1}], 7}', "has no key"),
        ('{"data": []}', "has no row"),
        ('[{"a": "' + "x" * 400_000 + '"}]', "longer than 262144 bytes"),
    ],
)
def test_a_broken_document_is_refused_whole(tmp_path: Path, content: str, said: str) -> None:
    """Nothing of it is sent, and the message says where and how a file is written."""
    with pytest.raises(UnreadableInput) as refused:
        read(tmp_path / "a.json", content)
    assert said in str(refused.value)


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_pieces_of_any_size_give_the_same_elements(size: int) -> None:
    """A piece may end anywhere, in a text and in a character too."""
    text = json.dumps([{"name": 'ü"]}\\'}, [1, "two"], {"a": {"b": [{}]}}, None, "x"], ensure_ascii=False).encode()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert [json.loads(line.text) for line in elements(pieces, name="a")] == json.loads(text)


@pytest.mark.parametrize(
    "content", ["[]\n", "[]\n[1]\n", '{"a": 1}\n{"a": \n{"a": 3}\n', 'no JSON\n{"a": 1}', '{"a": "\n"b": 2}']
)
def test_a_broken_line_alone_makes_no_document(tmp_path: Path, content: str) -> None:
    """Its neighbours stay requests of their own."""
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with open_source(path) as source:
        assert source.format == "jsonl"


def test_an_array_with_one_object_a_line_is_an_array() -> None:
    """Never one row of it alone."""
    with open_source(CASES / "06_json_array_lines.json") as source:
        found = list(rows(source, scanned=scan(source)))
    assert [json.loads(row.text)["uniqueness_key"] for row in found] == ["al-0", "al-1", "al-2"]
    assert not any(row.raw or row.keyless for row in found)
