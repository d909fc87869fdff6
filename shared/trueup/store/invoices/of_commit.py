"""All obligations of a commit, void ones included: those stand in an index of their own."""


def obligations_of(commit: str) -> str:
    """The subquery of the rows.

    Args:
        commit: what `commit_id` is compared with, such as `= :id`.
    """
    live, void = (
        f"SELECT * FROM obligation WHERE account_id = :account_id AND commit_id {commit} AND state {state}"
        for state in ("<> 'voided'", "= 'voided'")
    )
    return f"({live} UNION ALL {void})"
