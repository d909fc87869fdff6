"""Plans of look-ups before any statistics know the tables."""

import re

import pytest
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from trueup.store.requests import commit_inserts as intake
from trueup.store.requests import outcomes
from trueup.store.usage import line_inserts as usage_intake

LOOK_UPS = {
    "outcomes": str(outcomes._OF_REQUESTS.compile(dialect=PGDialect_psycopg())),
    "commits by id or key": intake._FIND.text.decode(),
    "usage by request or transaction": usage_intake._FIND.text.decode(),
}


@pytest.mark.parametrize("told", LOOK_UPS.values(), ids=LOOK_UPS)
def test_a_look_up_reads_one_row_and_not_the_account(database: Engine, told: str) -> None:
    """On a new database too: no index is read for all that the account has."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", told)))
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", told).replace("%%", "%")
    given = ", ".join(["NULL"] * len(names))
    with database.connect() as connection:  # whose plans are for any values
        connection.exec_driver_sql(f"PREPARE look_up AS {numbered}")
        lines = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN EXECUTE look_up ({given})")]
        connection.exec_driver_sql("DEALLOCATE look_up")
    conditions = [line.strip() for line in lines if "Cond:" in line]
    assert conditions
    assert all(re.search(r"\(account_id = \S+\) AND \(\w+ >= ", each) for each in conditions), lines
    assert not any("Seq Scan" in line for line in lines)
