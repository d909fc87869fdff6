"""A guide's output is compared to the letter, but for what it leaves out."""

import pytest

from tests.acceptance.guide import Step, steps_of

PAGE = """
```sh
trueup clock advance --to 2030-02-02
trueup invoices list
```

```text
…
number  total  id
     1   3600  …
```

```sh
trueup reconcile
```
"""


def test_blocks_with_and_without_output() -> None:
    """The output below a block belongs to it; what a block reads at its end may be read again."""
    billed, reconciled = steps_of(PAGE)
    assert billed.parts() == ("trueup clock advance --to 2030-02-02\n", "trueup invoices list\n")
    assert billed.line_number == 3
    assert (reconciled.parts(), reconciled.shown) == (("", "trueup reconcile\n"), None)


@pytest.mark.parametrize(
    ("said", "is_expected"),
    [
        ("number  total  id\n     1   3600  a7\n", True),
        ("clock at 2030\nof practice\nnumber  total  id\n     1   3600  b8\n", True),
        ("number  total  id\n     1   3601  a7\n", False),
        ("number  total  id\n     1   3600  a7\n     2   3600  b8\n", False),
        ("number  total  id\n", False),
    ],
)
def test_a_figure_that_differs_is_seen(said: str, is_expected: bool) -> None:  # noqa: FBT001
    """`…` stands for the rest of a line, or alone for any lines; nothing else is forgiven."""
    step: Step = next(steps_of(PAGE))
    assert step.expects(said) is is_expected
