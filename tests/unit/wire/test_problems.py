"""Problems, and how a caller is told about them."""

import pytest

from trueup.wire.problems import CODES, NOT_FOUND_CODES, Problem, error_body, outcome_of, pointer

NOT_POSITIVE = Problem.of("amount_not_positive", path="/access_schedule/schedule_items/0/amount")
NO_CUSTOMER = Problem.of("customer_not_found", path="/customer_id")


def test_error_body() -> None:
    """An error has a sentence, a code, and each problem with path, code and message."""
    assert error_body([NOT_POSITIVE]) == {
        "message": "1 problem: access_schedule.schedule_items[0].amount must be greater than 0",
        "code": "invalid_request",
        "errors": [
            {
                "path": "/access_schedule/schedule_items/0/amount",
                "code": "amount_not_positive",
                "message": "must be greater than 0",
            }
        ],
    }


def test_the_sentence_is_short() -> None:
    """The sentence spells out three problems and shortens long names."""
    problems = [Problem.of("unknown_field", path="/" + "k" * 200), Problem.of("json_invalid", path=""), NO_CUSTOMER]
    assert error_body([*problems, NOT_POSITIVE])["message"] == (
        f"4 problems: {'k' * 120}… is not a known field; the body must be valid JSON: it cannot be read; "
        "customer_id is not a known customer; …"
    )


def test_at_most_a_hundred_errors() -> None:
    """Beyond a hundred the others are counted."""
    told = error_body([NOT_POSITIVE] * 103)
    assert (len(told["errors"]), told["more"]) == (100, 3)
    assert "more" not in error_body([NOT_POSITIVE] * 100)


def test_problems_that_are_only_counted() -> None:
    """Of a stored error the others are known by their number: the sentence counts them too."""
    told = error_body([NOT_POSITIVE] * 100, more=350)
    assert told["more"] == 350
    assert told["message"].startswith("450 problems: ")
    assert told == error_body([NOT_POSITIVE] * 450)


@pytest.mark.parametrize(
    ("problems", "outcome", "code"),
    [
        ([NO_CUSTOMER], "not_found", "not_found"),
        ([NO_CUSTOMER, Problem.of("unit_not_found", path="/x")], "not_found", "not_found"),
        ([NO_CUSTOMER, NOT_POSITIVE], "invalid", "invalid_request"),
    ],
)
def test_outcome(problems: list[Problem], outcome: str, code: str) -> None:
    """A request is not found when every problem says so, and invalid otherwise."""
    assert (outcome_of(problems), error_body(problems)["code"]) == (outcome, code)


def test_pointers_are_escaped() -> None:
    """A tilde and a slash are escaped, and a NUL, which no database stores, is replaced."""
    assert pointer(["a/b", "~", 0, "x\0"]) == "/a~1b/~0/0/x\N{REPLACEMENT CHARACTER}"
    assert pointer([]) == ""


def test_every_code_has_a_message() -> None:
    """A problem can be made of every code without further details."""
    assert all("{" not in Problem.of(code, path="").message for code in CODES)
    assert CODES.keys() >= NOT_FOUND_CODES
