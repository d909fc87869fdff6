"""The use case: accounts of the journal get other codes, from now on."""

from collections.abc import Mapping

from sqlalchemy import Connection

from trueup.domain.journal.accounts import changed_codes
from trueup.store.accounts.audit import note
from trueup.store.journal.months import Codes, account_codes_of, store_codes


def change_codes(connection: Connection, account_id: int, given: Mapping[str, str], *, actor: str) -> Codes:
    """Make another version of the codes, with an audit row; closed months keep theirs. The same codes change nothing.

    Raises:
        CodesRefused: an account that there is not, or a code that is none.
    """
    before = account_codes_of(connection, account_id)
    after = Codes(before.version + 1, changed_codes(before.codes, given))
    if dict(after.codes) == dict(before.codes):
        return before
    store_codes(connection, account_id, after, actor=actor)
    note(
        connection,
        account_id,
        actor=actor,
        action="change_account_codes",
        subject=str(after.version),
        before={str(name): code for name, code in before.codes.items()},
        after={str(name): code for name, code in after.codes.items()},
    )
    return after
