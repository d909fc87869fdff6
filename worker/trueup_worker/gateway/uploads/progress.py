"""Progress of an upload: told by the thread that takes it, asked by the call that waits for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from trueup_worker.gateway.http.refusals import Refusal, unavailable, upload_in_doubt


class GivenUp(Exception):
    """The caller has stopped waiting, and was told that nothing more of the upload is kept."""


class UploadProgress:
    """The progress of one upload.

    Attributes:
        has_begun: whether a thread has it, which then closes its file.
        batch_id: once it is known.
        may_be_kept: whether any part of it may be.
    """

    def __init__(self, *, is_new: bool) -> None:
        self.has_begun = False
        self.batch_id: UUID | None = None
        self.may_be_kept = False
        self._is_new = is_new
        self._is_given_up = False
        self._asked_s: float | None = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While the database is asked."""
        self._asked_s = time.monotonic()
        try:
            yield
        finally:
            self._asked_s = None

    def heard(self) -> None:
        """Note that the database has answered, and not yet to the end."""
        self._asked_s = time.monotonic()

    def waited_s(self) -> float:
        """For how long the database has been asked without an end."""
        asked_s = self._asked_s
        return 0.0 if asked_s is None else time.monotonic() - asked_s

    def commit(self) -> None:
        """Note that a part is about to be committed.

        Raises:
            GivenUp: it must not be.
        """
        self.may_be_kept = True  # first: `give_up` sets what it tells, and then looks at this
        if self._is_given_up:
            raise GivenUp

    def give_up(self) -> Refusal:
        """Refuse the call as the database does not answer the thread; from now on nothing is committed."""
        self._is_given_up = True
        return self.in_doubt() if self.may_be_kept else unavailable("the database")

    def in_doubt(self) -> Refusal:
        """503: part of it may be kept."""
        assert self.batch_id is not None
        return upload_in_doubt(self.batch_id, is_new=self._is_new)
