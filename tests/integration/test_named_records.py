"""Whatever a command is told to look at or to change: one that is called so is taken, none and several are refused."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from typer.main import get_command

from tests.integration.intake import SECRET_KEY, Intake, entry
from tests.integration.test_intake import ACME, prepaid
from tests.unit.cli.test_named_records import COMMANDS
from trueup.store.accounts.tokens import SCOPES, create_token
from trueup_worker.cli import main
from trueup_worker.cli.terminal import context
from trueup_worker.cli.terminal.exits import exit_code_of, message_of
from trueup_worker.cli.terminal.options import with_common_options

# By command and parameter: what it names, how the command is called with it, and whether that is to change something.
READS = {
    ("usage list", "customer"): ("customer", "--customer NAME"),
    ("usage list", "contract"): ("contract", "--contract NAME"),
    ("requests list", "batch"): ("batch", "--batch NAME"),
    ("requests show", "request"): ("request", "NAME"),
    ("batches show", "batch"): ("batch", "NAME"),
    ("batches rows", "batch"): ("batch", "NAME"),
    ("parked list", "batch"): ("batch", "--batch NAME"),
    ("parked show", "parked"): ("parked", "NAME"),
    ("commits list", "customer"): ("customer", "--customer NAME"),
    ("commits show", "commit"): ("commit", "NAME"),
    ("invoices list", "customer"): ("customer", "--customer NAME"),
    ("invoices list", "commit"): ("commit", "--commit NAME"),
    ("invoices show", "invoice"): ("invoice", "NAME"),
    ("invoices html", "invoice"): ("invoice", "NAME -o -"),
    ("invoices pdf", "invoice"): ("invoice", "NAME -o -"),
    ("balance", "customer"): ("customer", "NAME"),
    ("explain", "which"): ("commit", "NAME"),
    ("forecast", "customer"): ("customer", "--until 2030-01-01 --customer NAME"),
    ("forecast", "contract"): ("contract", "--until 2030-01-01 --contract NAME"),
    ("webhooks show", "webhook"): ("webhook", "NAME"),
}
CHANGES = {
    ("batches undo", "batch"): ("batch", "NAME --dry-run"),
    ("parked replay", "ids"): ("parked", "NAME --dry-run"),
    ("parked replay", "batch"): ("batch", "--batch NAME --dry-run"),
    ("parked discard", "ids"): ("parked", "NAME --note x --dry-run"),
    ("parked discard", "batch"): ("batch", "--batch NAME --note x --dry-run"),
    ("commits adjust", "commit"): ("commit", "NAME --amount -1 --reason x"),
    ("commits edit", "commit"): ("commit", "NAME --priority 7 --dry-run"),
    ("commits edit", "batch"): ("batch", "--batch NAME --priority 7 --dry-run"),
    ("commits end", "commit"): ("commit", "NAME --access-ending-before 2025-12-01 --dry-run"),
    ("commits end", "batch"): ("batch", "--batch NAME --access-ending-before 2025-12-01 --dry-run"),
    ("commits archive", "commit"): ("commit", "NAME --dry-run"),
    ("commits archive", "batch"): ("batch", "--batch NAME --dry-run"),
    ("commits disable-true-up", "commit"): ("commit", "NAME"),
    ("invoices release", "draft"): ("draft", "NAME --reason x"),
    ("invoices mark", "invoice"): ("invoice", "NAME paid"),
    ("invoices unmark", "invoice"): ("invoice", "NAME paid --reason x"),
    ("invoices void", "invoice"): ("invoice", "NAME --reason x"),
    ("invoices regenerate", "invoice"): ("invoice", "NAME"),
    ("invoices regenerate", "contract"): ("contract", "--contract NAME --month 2025-01"),
    ("invoices correct", "customer"): ("customer", "--customer NAME --month 2025-01 --dry-run"),
    ("alerts set", "commit"): ("commit", "used_percent 50 --commit NAME"),
    ("alerts reset", "commit"): ("commit", "used_percent --commit NAME"),
    ("customers billing", "customer"): ("customer", "NAME --email a@example.com"),
    ("webhooks change", "webhook"): ("webhook", "NAME --off"),
    ("webhooks test", "webhook"): ("webhook", "NAME"),
    ("webhooks resend", "webhook"): ("webhook", "NAME --failed"),
    ("webhooks rotate", "webhook"): ("webhook", "NAME"),
    ("webhooks delete", "webhook"): ("webhook", "NAME"),
    ("tokens revoke", "named"): ("token", "NAME"),
}
TAKEN_AS_THEY_STAND = {  # what nothing is called any more may still have been said
    ("requests list", "customer"): ("customer", "--customer NAME"),
    ("audit list", "subject"): ("customer", "--subject NAME"),
}
BATCHES_ARE_CALLED = {("ingest", "batch_id"), ("usage ingest", "batch_id")}  # by what is given here
TEXTS = {
    *("data", "account", "token", "files", "file", "output", "results", "failed", "mapping", "encoding", "sheet"),
    *(
        "thousands",
        "key_suffix",
        "code",
        "key",
        "since",
        "until",
        "reason",
        "note",
        "uniqueness_key",
        "prefix",
        "after",
    ),
    *("body", "name", "description", "access_ending_before", "invoices_ending_before", "month", "given", "types"),
    *("url", "forward", "kind", "thresholds", "address", "tax_id", "email", "search", "payment_terms", "footer"),
    *("show_field", "scope", "expires", "to", "state"),
}
UNIQUE = {"invoice"}  # no two have the same number
SQL = """
    INSERT INTO contract (account_id, id, customer_id, starting_at, kept)
    SELECT :a, gen_random_uuid(), :customer, '2025-01-01Z', jsonb_build_object('name', name)
      FROM unnest(ARRAY['one contract', 'contracts', 'contracts']) AS name;
    INSERT INTO customer (account_id, id, name) SELECT :a, gen_random_uuid(), name
      FROM unnest(ARRAY['one customer', 'customers', 'customers']) AS name;
    INSERT INTO batch (account_id, id, name, source, content_sha256, kind, rows) SELECT :a, gen_random_uuid(), name,
           'file', '', 'commit', 0 FROM unnest(ARRAY['one batch', 'batches', 'batches']) AS name;
    INSERT INTO parked (account_id, reason, request_id, task, meta, requests, digest, state)
    SELECT :a, 'defect', id, 'task', '', '', decode(md5(n::text || :a), 'hex'), 'parked'
      FROM unnest(ARRAY[:one, :two, :two]) WITH ORDINALITY AS named (id, n);
    INSERT INTO webhook_endpoint (account_id, id, url, types, secret, state, position)
    SELECT :a, gen_random_uuid(), url, '{}', '', 'enabled', 0
      FROM unnest(ARRAY['https://one.example', 'https://two.example', 'https://two.example']) AS url;
    INSERT INTO invoice (account_id, id, number, type, status, customer_id, contract_id, unit_id, commit_id, total,
                         issued_at, finalized_at)
    SELECT :a, gen_random_uuid(), 4711, 'SCHEDULED', 'FINALIZED', customer_id, :customer, access_unit_id, id, 1,
           '2026-01-01Z', '2026-01-01Z' FROM commit WHERE account_id = :a AND uniqueness_key = 'one commit';
    INSERT INTO obligation (account_id, id, commit_id, position, kind, scheduled_at, due_at, unit_price, quantity,
                            amount, state)
    SELECT :a, gen_random_uuid(), commit.id, n, 'SCHEDULED', '2030-01-01Z', '2030-01-01Z', 1, 1, 1, 'held'
      FROM commit, generate_series(0, 1) AS n
     WHERE account_id = :a AND n < CASE uniqueness_key WHEN 'one commit' THEN 1 ELSE 2 END
"""


@dataclass
class Said:
    """How a command ended, and what it said."""

    code: int
    told: str
    printed: str


@dataclass
class World:
    """An account in which one record of each kind is called alike, and two others are."""

    account: Intake
    names: dict[str, tuple[str, str]] = field(default_factory=dict)

    def ids(self, kind: str, named: str) -> list[str]:
        """The ids of what is called so."""
        queries = {
            "customer": "SELECT id FROM customer WHERE account_id = :a AND name = '{}'",
            "contract": "SELECT id FROM contract WHERE account_id = :a AND kept ->> 'name' = '{}'",
            "commit": "SELECT id FROM commit WHERE account_id = :a AND salesforce_opportunity_id = '{}'",
            "invoice": "SELECT id FROM invoice WHERE account_id = :a AND number = {}",
            "batch": "SELECT id FROM batch WHERE account_id = :a AND name = '{}'",
            "parked": "SELECT id FROM parked WHERE account_id = :a AND request_id = '{}'",
            "webhook": "SELECT id FROM webhook_endpoint WHERE account_id = :a AND url = '{}'",
            "draft": "SELECT o.id FROM obligation AS o JOIN commit AS c ON c.id = commit_id "
            "WHERE c.account_id = :a AND uniqueness_key = '{}'",
            "request": "SELECT request_id FROM outcome WHERE account_id = :a AND uniqueness_key = '{}'",
            "token": "SELECT key_id FROM token WHERE account_id = :a AND name = '{}'",
        }
        return [str(row[0]) for row in self.account.rows(queries[kind].format(named))]


@pytest.fixture(scope="module")
def world(shared_database: Engine) -> World:
    """The account, with all that commands name."""
    account = Intake(shared_database)
    keys = {"one commit": "one commit", "commits": "commits", "other": "commits"}
    for key, opportunity_id in keys.items():
        account.receive(entry(prepaid(uniqueness_key=key, salesforce_opportunity_id=opportunity_id)))
    for key in ("one request", "requests", "requests"):
        account.receive(entry(prepaid(uniqueness_key=key, priority="high")))
    one, two = uuid4(), uuid4()
    values = {"a": account.account_id, "customer": UUID(ACME), "one": one, "two": two}
    with shared_database.begin() as connection:
        for each in SQL.split(";"):
            connection.execute(text(each), values)
        for name in ("one token", "tokens", "tokens"):
            create_token(connection, account_id=account.account_id, scopes=SCOPES, secret_key=SECRET_KEY, name=name)
    return World(
        account,
        {
            "customer": ("one customer", "customers"),
            "contract": ("one contract", "contracts"),
            "commit": ("one commit", "commits"),
            "draft": ("one commit", "commits"),
            "batch": ("one batch", "batches"),
            "request": ("one request", "requests"),
            "token": ("one token", "tokens"),
            "parked": (str(one), str(two)),
            "webhook": ("https://one.example", "https://two.example"),
            "invoice": ("4711", ""),
        },
    )


Run = Callable[[str, str], Said]


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: object) -> Run:
    """Runs a command with a name in the account."""
    for name in [each for each in os.environ if each.startswith("TRUEUP_")]:
        monkeypatch.delenv(name)
    settings = {
        "TRUEUP_DATABASE_URL": "postgresql://127.0.0.1/none",
        "TRUEUP_BROKER_URL": "redis://127.0.0.1:1",
        "TRUEUP_SECRET_KEY": SECRET_KEY,
        "TRUEUP_TOKEN": world.account.token,
        "TRUEUP_DATA": str(tmp_path),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(context, "make_engine", lambda *_, **__: world.account.engine)
    program = with_common_options(get_command(main.app))

    def called(command: str, named: str) -> Said:
        arguments = [named if each == "NAME" else each for each in command.split()]
        capfd.readouterr()
        code, told = 0, ""
        try:
            code = int(program.main(arguments, prog_name="trueup", standalone_mode=False) or 0)
        except Exception as error:  # noqa: BLE001 (as the command's own end)
            code, told = int(exit_code_of(error)), message_of(error)
        printed = capfd.readouterr()
        return Said(code, printed.err + told, printed.out)

    return called


def cases(table: dict[tuple[str, str], tuple[str, str]]) -> list[object]:
    """A case for each entry of a table: the kind, and the command."""
    return [
        pytest.param(kind, f"{command} {arguments}", id=f"{command}: {name}")
        for (command, name), (kind, arguments) in table.items()
    ]


def test_every_parameter_that_names_a_record_is_here() -> None:
    """A new one is either a text that names nothing, or is put into a table here."""
    named = {
        (path.removeprefix("trueup "), param.name)
        for path, command in COMMANDS.items()
        for param in command.params
        if param.type_descriptor.annotation in (str, list[str]) and param.name not in TEXTS
    }
    known = READS.keys() | CHANGES.keys() | TAKEN_AS_THEY_STAND.keys() | BATCHES_ARE_CALLED
    unnamed = {("accounts create", "name"), ("accounts locale", "name"), ("export", "name")}
    assert named - unnamed == known - unnamed


@pytest.mark.parametrize(("kind", "command"), cases(READS | CHANGES))
def test_what_nothing_is_called_is_refused(run: Run, kind: str, command: str) -> None:
    """The message says what could be named, and how."""
    said = run(command, "nothing is called this")
    assert said.code == 2
    assert f"has no {kind}" in said.told
    assert "named by" in said.told


@pytest.mark.parametrize(("kind", "command"), cases(READS | CHANGES))
def test_an_id_that_is_unknown(run: Run, kind: str, command: str) -> None:
    """It is named as one that is not there; lists of what belongs to it are empty."""
    unknown = str(uuid4())
    said = run(command, unknown)
    is_choice = " list" in command or kind == "parked" or command.startswith("parked")
    assert said.code == 2 or (is_choice and said.code == 0), said
    assert said.code == 0 or unknown in said.told


@pytest.mark.parametrize(("kind", "command"), cases(READS | CHANGES | TAKEN_AS_THEY_STAND))
def test_several_are_refused_with_what_they_are(world: World, run: Run, kind: str, command: str) -> None:
    """Each is named by its id, and none is taken."""
    if kind in UNIQUE:
        return
    named = world.names[kind][1]
    said = run(command, named)
    assert said.code == 2
    assert f"{named!r} names several: give the id of one" in said.told
    ids = world.ids(kind, named)
    assert len(ids) > 1
    assert [each for each in ids if each not in said.told] == []


@pytest.mark.parametrize(("kind", "command"), cases(READS | TAKEN_AS_THEY_STAND))
def test_the_one_that_is_called_so_is_looked_at(world: World, run: Run, kind: str, command: str) -> None:
    """By its name, number or key."""
    said = run(command, world.names[kind][0])
    assert said.code == 0, said


@pytest.mark.parametrize(("kind", "command"), cases(CHANGES))
def test_the_one_that_is_called_so_is_told_before_it_is_changed(
    world: World, run: Run, kind: str, command: str
) -> None:
    """Whatever then becomes of the change."""
    named = world.names[kind][0]
    [record_id] = world.ids(kind, named)
    said = run(command, named)
    assert f" is {record_id}" in said.told, said
