"""What a call reads: each of its statements is run once more under EXPLAIN, with the plan of production."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Connection, event


@dataclass(frozen=True, slots=True)
class Explained:
    """One statement of a call.

    Attributes:
        buffers: pages of 8 KiB that it looked at.
        scanned: tables read from end to end.
        looked_at: rows that were found in each table, wanted or not.
    """

    statement: str
    buffers: int
    scanned: frozenset[str]
    looked_at: Mapping[str, int]


def explain_all(connection: Connection, call: Callable[[], object]) -> list[Explained]:
    """The reads of a call, on a connection of the engine of production: its plans are generic ones."""
    seen: list[tuple[str, Any]] = []

    def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        call()
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return [
        _explain(connection, *each) for each in seen if each[0].lstrip(" \n(").startswith(("SELECT", "WITH", "UPDATE"))
    ]


def _explain(connection: Connection, statement: str, parameters: dict[str, Any]) -> Explained:
    names = list(parameters)
    numbered = statement % {name: f"${at}" for at, name in enumerate(names, 1)}
    connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
    connection.exec_driver_sql(f"PREPARE explained AS {numbered}".replace("%", "%%"))
    driver = connection.connection.driver_connection
    with psycopg.ClientCursor(driver) as cursor:  # type: ignore[arg-type,var-annotated]
        values = ", ".join(_literal(cursor, parameters[name]) for name in names)
        given = f"({values})" if values else ""
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE explained {given}".encode())
        row = cursor.fetchone()
        cursor.execute("DEALLOCATE explained")
    assert row is not None
    told = row[0] if isinstance(row[0], list) else json.loads(row[0])
    plan = told[0]["Plan"]
    buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    looked_at = Counter[str]()
    for each in (scans := [*_scans(plan)]):
        looked_at[each["Relation Name"]] += _looked_at(each)
    scanned = frozenset(each["Relation Name"] for each in scans if each["Node Type"] == "Seq Scan")
    return Explained(statement, buffers, scanned, looked_at)


def _literal(cursor: Any, value: object) -> str:
    literal: str = cursor.mogrify("%s", [value])
    return literal.partition("::")[0] if isinstance(value, list) else literal


def _scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Relation Name" in plan:
        yield plan
    for each in plan.get("Plans", ()):
        yield from _scans(each)


def _looked_at(scan: dict[str, Any]) -> int:
    rows = scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0) + scan.get("Rows Removed by Index Recheck", 0)
    return round(rows * scan["Actual Loops"])
