"""The shared cases: every body with the outcome and the codes that it must get."""

import json
from pathlib import Path
from typing import Any

import pytest

from trueup.wire.problems import Problem, outcome_of
from trueup.wire.request.body import USD_CENTS
from trueup.wire.request.normal import normalise
from trueup.wire.request.read import read_body
from trueup.wire.request.references import Known, judge_references

CASES = Path(__file__).parents[2] / "data" / "cases"


def catalog() -> Known:
    """The catalog that goes with the cases."""
    entries = json.loads((CASES / "catalog.json").read_text())
    return Known(
        customers={entry["id"] for entry in entries["customers"]},
        products={entry["id"]: entry["type"] for entry in entries["products"]},
        contracts={entry["id"]: entry["customer_id"] for entry in entries["contracts"]},
        units={entry["id"] for entry in entries["units"]} | {USD_CENTS},
    )


def problems_of(text: str, known: Known) -> list[Problem]:
    """All problems of a commit request, references included."""
    body = read_body(text, "commit")
    return body if isinstance(body, list) else judge_references(normalise(body, "commit"), known)


def cases() -> list[dict[str, Any]]:
    """One case a line."""
    return [json.loads(line) for line in (CASES / "commit-requests.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case['id']} {case['what']}")
def test_case(case: dict[str, Any]) -> None:
    """A request gets exactly the codes of its case, and the outcome that follows from them."""
    problems = problems_of(case.get("raw") or json.dumps(case["body"]), catalog())
    assert sorted(problem.code for problem in problems) == case["codes"]
    assert (outcome_of(problems) if problems else "created") == case["outcome"]
