"""Batches over HTTP: a file in one call, kept before it is accepted."""

import gzip
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from tests.acceptance.gateway import Answer, Gateway, gateway
from tests.acceptance.processes import Fleet, wait_for
from tests.conftest import by_hand
from tests.integration.intake import Intake
from tests.integration.test_intake import prepaid
from trueup_worker.reporting.reconcile import reconcile

ROWS = [
    *(prepaid(uniqueness_key=f"row {number}") for number in range(1_200)),
    prepaid(priority="high"),
    prepaid(uniqueness_key="row 0"),
]
YEAR = ("2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z")
FILE = "\n".join(json.dumps(row) for row in ROWS).encode()


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, account: Intake) -> Iterator[Gateway]:
    """A gateway with a worker and a scheduler behind it."""
    module_fleet.worker("commits,commits.bulk")
    module_fleet.scheduler()
    with gateway(module_fleet, account.token, TRUEUP_QUEUE_LIMIT="2", TRUEUP_LEASE_S="5") as running:
        yield running


def upload(
    here: Gateway,
    content: bytes,
    media_type: str = "application/jsonl",
    headers: Mapping[str, str] = MappingProxyType({}),
    **query: Any,
) -> Answer:
    """Sends a batch."""
    told = {"content-type": media_type, **headers}
    return here.call("POST", "/v1/batches", content=content, headers=told, params=query)


@contextmanager
def lost(database: Engine, *, rows_min: int) -> Iterator[None]:
    """While this lasts, the database goes away at the COMMIT that receives so many rows of a batch."""
    with by_hand(database) as connection:
        connection.execute(
            text("""
            CREATE FUNCTION go_away() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'going away' USING ERRCODE = 'admin_shutdown'; END $$""")
        )
        connection.execute(
            text(f"""
            CREATE CONSTRAINT TRIGGER going_away AFTER UPDATE ON batch DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (NEW.rows >= {rows_min}) EXECUTE FUNCTION go_away()""")
        )
    try:
        yield
    finally:
        with by_hand(database) as connection:
            connection.execute(text("DROP FUNCTION go_away CASCADE"))


def decided(here: Gateway, batch_id: str, **query: Any) -> Any:
    """The batch once every row has an outcome."""

    def look() -> Any:
        told = here.call("GET", f"/v1/batches/{batch_id}", params=query).json
        return told if told["data"]["undecided"] == 0 else None

    return wait_for(look, what="the batch to be decided")


def test_a_batch(here: Gateway, account: Intake) -> None:
    """Every row gets its outcome, past the backlog's limit too; the same file again is the same batch."""
    answer = upload(here, FILE)
    assert (answer.status, answer.json["data"]["rows"]) == (202, 1_202)
    batch_id = answer.json["data"]["id"]
    assert answer.headers["location"] == f"/v1/batches/{batch_id}"
    told = decided(here, batch_id, limit=1_000)
    assert told["data"]["outcomes"] == {"created": 1_200, "duplicate": 1, "invalid": 1, "not_found": 0, "parked": 0}
    rest = decided(here, batch_id, limit=1_000, next_page=told["next_page"])
    rows = told["data"]["results"] + rest["data"]["results"]
    assert [each["row"] for each in rows] == list(range(1, 1_203))
    assert rest["next_page"] is None
    assert [each["outcome"] for each in rows[-2:]] == ["invalid", "duplicate"]
    for outcome, numbers in {"invalid": [1_201], "duplicate": [1_202], "parked": []}.items():
        chosen = decided(here, batch_id, outcome=outcome)
        assert ([each["row"] for each in chosen["data"]["results"]], chosen["next_page"]) == (numbers, None)
    again = upload(here, gzip.compress(FILE), "application/gzip")
    assert (again.status, again.json["data"]["id"]) == (202, batch_id)
    assert decided(here, batch_id)["data"]["outcomes"]["created"] == 1_200
    assert account.count("commit") == 1_200
    wait_for(lambda: account.count("intake") == 0, what="every envelope to be let go")


def test_a_record_of_another_form(here: Gateway) -> None:
    """Its outcome says so, with the record's number and what was found."""
    header = b"customer_id,type,priority,product_id,access_amount,access_starting_at,access_ending_before\n"
    sent = upload(here, header + b"Overall Total,1\n", "text/csv")
    (row,) = decided(here, sent.json["data"]["id"])["data"]["results"]
    (error,) = row["errors"]
    assert error["code"] == "csv_row_shape"
    assert "record 1 (line 2): 2 cells where the header has 7" in error["message"]


def test_keys_that_stand_twice(here: Gateway) -> None:
    """Rows of one key with different terms are told with the answer, by their numbers; only the first is created."""
    key, other = str(uuid4()), str(uuid4())
    rows = [
        prepaid(uniqueness_key=key),
        prepaid(uniqueness_key=other),
        prepaid(uniqueness_key=key, name="another"),
        prepaid(uniqueness_key=other),
    ]
    sent = upload(here, "\n".join(map(json.dumps, rows)).encode())
    (told,) = sent.json["data"]["warnings"]
    assert f"rows 1 and 3 have the same uniqueness_key '{key}', and different terms" in told
    results = decided(here, sent.json["data"]["id"])["data"]["results"]
    assert [each["outcome"] for each in results] == ["created", "created", "duplicate", "duplicate"]
    assert [each["existing"]["same_content"] for each in results[2:]] == [False, True]


def test_what_is_told_of_a_table(here: Gateway) -> None:
    """Rows that will be refused for their form, and lines that are left out, are told with the answer.

    They are counted as in the file, though its header stretches over two lines.
    """
    row = row_of_csv(str(uuid4()), name="a", amount="1")
    broken = row.replace(b";name;", b';"name\n";')
    sent = upload(here, b"Report of May\n" + broken + b"1;2\nGrand Totals (1 records);;;;;;;;\n", "text/csv")
    above, shape, footer = sent.json["data"]["warnings"]
    assert ("'Report of May'" in above, "record 2 (line 5)" in shape) == (True, True)
    assert "'Grand Totals (1 records)'" in footer


CSV_HEADER = (
    b"customer_id;type;priority;product_id;name;uniqueness_key;access_amount;access_starting_at;access_ending_before"
)


def row_of_csv(key: str, *, name: str, amount: str, encoding: str = "utf-8") -> bytes:
    """A header and a record of a European spreadsheet."""
    body = prepaid()
    cells = (body["customer_id"], "PREPAID", "1", body["product_id"], name, key, amount, *YEAR)
    return CSV_HEADER + b"\n" + ";".join(cells).encode(encoding) + b"\n"


def test_a_file_is_read_as_its_parameters_say(here: Gateway, account: Intake) -> None:
    """Numbers, encoding and the suffix of keys count as on the command line; read otherwise it is another batch."""
    key = str(uuid4())
    content = row_of_csv(key, name="Möbel", amount="12.000,50", encoding="cp1252")
    told = {"decimal_comma": True, "thousands": ".", "encoding": "cp1252"}
    batch_id = upload(here, content, "text/csv", **told).json["data"]["id"]
    (row,) = decided(here, batch_id)["data"]["results"]
    assert row["outcome"] == "created"
    assert upload(here, content, "text/csv", **told).json["data"]["id"] == batch_id
    other_id = upload(here, content, "text/csv", **told, key_suffix="-r2").json["data"]["id"]
    (other,) = decided(here, other_id)["data"]["results"]
    assert (other_id != batch_id, other["outcome"]) == (True, "created")
    stored = account.rows(
        "SELECT c.uniqueness_key, c.name, s.amount FROM commit AS c JOIN segment AS s ON s.commit_id = c.id "
        f"WHERE c.account_id = :a AND c.id IN ('{row['id']}', '{other['id']}') ORDER BY c.uniqueness_key"
    )
    assert [tuple(each) for each in stored] == [(key, "Möbel", 12000.5), (f"{key}-r2", "Möbel", 12000.5)]


@pytest.mark.parametrize("wrapped", ["[{}]", '{{"data": [{}]}}', "[\n  {}\n]"])
def test_a_json_document(here: Gateway, wrapped: str) -> None:
    """It is read element by element, whatever its lines are."""
    rows = [json.dumps(prepaid(uniqueness_key=str(uuid4())), indent=1) for _ in range(3)]
    sent = upload(here, wrapped.format(",\n".join(rows)).encode(), "application/json")
    assert (sent.status, sent.json["data"]["rows"]) == (202, 3)
    assert decided(here, sent.json["data"]["id"])["data"]["outcomes"]["created"] == 3


@pytest.mark.parametrize(
    ("told", "path"),
    [
        ({"thousands": "x"}, "/thousands"),
        ({"thousands": ",", "decimal_comma": True}, "/thousands"),
        ({"encoding": "klingon"}, "/encoding"),
        ({"key_suffix": "\n"}, "/key_suffix"),
        ({"sheet": ""}, "/sheet"),
    ],
)
def test_parameters_that_cannot_be_used(here: Gateway, told: dict[str, Any], path: str) -> None:
    """Each is named, in words that are no options of the command."""
    answer = upload(here, b"[]", "text/csv", **told)
    assert (answer.status, answer.json["errors"][0]["path"]) == (400, path)
    assert "--" not in answer.text


def test_a_customer_that_comes_later(here: Gateway, account: Intake) -> None:
    """The same file again has its refused rows judged anew; a client's own retry of it has not."""
    customer_id = str(uuid4())
    file = json.dumps(prepaid(customer_id=customer_id)).encode()
    batch_id = upload(here, file).json["data"]["id"]
    assert decided(here, batch_id)["data"]["outcomes"]["not_found"] == 1
    with account.engine.begin() as connection:
        named = {"a": account.account_id, "id": customer_id}
        connection.execute(text("INSERT INTO customer (account_id, id, name) VALUES (:a, :id, 'late')"), named)
    for headers, verdict in (({"x-stainless-retry-count": "1"}, "not_found"), ({}, "created")):
        assert upload(here, file, headers=headers).status == 202
        wait_for(lambda: account.count("intake") == 0, what="every envelope to be let go")
        assert decided(here, batch_id)["data"]["outcomes"][verdict] == 1


def test_what_is_no_batch(here: Gateway) -> None:
    """An empty file, another type, and a name that belongs to other content are refused; a stranger's is missing."""
    assert upload(here, b"\n").status == 400
    commas = upload(here, b'{"a": 1},\n{"a": 2}\n')
    assert (commas.status, "the body cannot be read: line 1: a comma stands" in commas.text) == (400, True)
    assert commas.json["errors"][0]["code"] == "json_invalid"
    assert upload(here, b"{}", "text/plain").status == 415
    assert upload(here, b"{}", name="mine").status == 202
    other = upload(here, b"[]", name="mine")
    assert (other.status, other.headers["x-should-retry"]) == (409, "false")
    assert "--batch-id" not in other.text
    assert here.call("GET", "/v1/batches/5e78454d-f065-41c2-84cc-4549c1acc990").status == 404


def test_an_upload_in_doubt(here: Gateway, module_database: Engine) -> None:
    """Where its first COMMIT was lost, nobody repeats it blindly: the answer names the batch, which continues it."""
    file = json.dumps(prepaid(name="in doubt")).encode()
    with lost(module_database, rows_min=1):
        answer = upload(here, file, new=True)
    batch_id = answer.json["data"]["id"]
    assert (answer.status, answer.headers["x-should-retry"], "retry-after" in answer.headers) == (503, "false", False)
    assert f"name={batch_id}" in answer.json["message"]
    assert upload(here, file, name=batch_id).json["data"]["id"] == batch_id
    assert decided(here, batch_id)["data"]["outcomes"]["created"] == 1


def test_an_upload_that_ended_in_the_middle(here: Gateway, module_database: Engine) -> None:
    """What was kept of it gets its outcomes, and is all that counts as received; the same upload again continues."""
    file = b"[]\n\n" * 10_002  # of which each chunk has 10,000
    with lost(module_database, rows_min=10_001):
        answer = upload(here, file)
    assert (answer.status, answer.headers["x-should-retry"]) == (503, "false")
    batch_id = answer.json["data"]["id"]
    part = decided(here, batch_id, limit=1)["data"]
    assert (part["state"], part["rows"], part["content_rows"]) == ("uploading", 10_000, 10_002)
    assert part["outcomes"]["invalid"] == 10_000
    with module_database.begin() as connection:
        assert reconcile(connection) == []
    assert upload(here, file).json["data"]["id"] == batch_id
    whole = wait_for(lambda: told if (told := outcomes(here, batch_id))["invalid"] == 10_002 else None, what="the rest")
    assert sum(whole.values()) == 10_002
    assert decided(here, batch_id, limit=1)["data"]["state"] == "received"


def test_uploads_at_once(here: Gateway, module_database: Engine) -> None:
    """Half of those that the gateway takes in are one account's; its next ones wait until one of them has ended."""
    with ThreadPoolExecutor(4) as pool:
        with module_database.begin() as connection:
            connection.execute(text("LOCK TABLE batch IN ACCESS EXCLUSIVE MODE"))
            sent = [pool.submit(upload, here, b"[]", new=True) for _ in range(4)]
            wait_for(lambda: waiting(module_database) == 2, what="two to be worked on")
            assert here.call("GET", "/readyz").status == 200
            assert waiting(module_database) == 2
        for each in sent:
            assert decided(here, each.result().json["data"]["id"])["data"]["outcomes"]["invalid"] == 1


def waiting(database: Engine) -> Any:
    """Number of uploads that wait for the table of batches; the scheduler may wait for it, too."""
    uploads = text("""
        SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE relation = 'batch'::regclass AND NOT granted AND query LIKE 'INSERT INTO batch%'""")
    with database.connect() as connection:  # each time anew: a transaction sees the activity as it first saw it
        return connection.scalar(uploads)


def outcomes(here: Gateway, batch_id: str) -> Any:
    """How many rows have which."""
    return here.call("GET", f"/v1/batches/{batch_id}", params={"limit": 1}).json["data"]["outcomes"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "1 problem: the body is empty: it needs"),
        (b"\x1f\x8b\x08", "1 problem: the body is gzip, but cut short"),
        (b"customer_id,nonsense\n1,2", "1 problem: the body cannot be read: "),
        (b"customer_id\n", "1 problem: the body "),
    ],
)
def test_what_cannot_be_read(here: Gateway, content: bytes, said: str) -> None:
    """It is told once what, and never where it was put."""
    answer = upload(here, content, "application/octet-stream")
    assert (answer.status, answer.json["message"][: len(said)]) == (400, said)
    assert [each["code"] for each in answer.json["errors"]] == ["file_unreadable"]
    assert "/dev/" not in answer.text
    assert "upload" not in answer.text
