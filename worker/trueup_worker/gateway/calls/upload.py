"""Body of an upload on disk: it is read twice, and may be longer than memory."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from trueup.producer.files.opening.content import Format
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.http.refusals import Refusal, too_slow
from trueup_worker.gateway.uploads.form import Form
from trueup_worker.gateway.uploads.media_types import FORM, FORMATS, format_of_part, media_type
from trueup_worker.gateway.uploads.spool import Spooled


@dataclass(frozen=True, slots=True)
class Received:
    """Upload as it came in a body.

    Attributes:
        file: on disk; whoever takes it closes it.
        format: of the file; None: its content tells.
        mapping: its text; None: there is none.
        path: of the file in the body, for what is wrong with it.
    """

    file: Spooled
    format: Format | None
    mapping: bytes | None = None
    path: str = ""


async def received(call: Call) -> Received:
    """A file that is the body, or a part of it beside its mapping.

    Raises:
        Refusal: 408, 413, 429, 503: it does not arrive, or there is no room for it; 415: it is of another type; 400: it
            is no form, where it says that it is.
    """
    content_type = call.header("content-type") or ""
    kind = media_type(content_type)
    if kind and kind != FORM and kind not in FORMATS:
        raise Refusal(415, "invalid_request", f"a batch is one of {', '.join([*FORMATS, FORM])}")
    account_id, size = call.principal.caller.account_id, int(call.header("content-length") or 0)
    with ExitStack() as stack:
        file = stack.enter_context(call.gateway.spool.open(account_id, size=size))
        if kind == FORM:
            form = Form(content_type, file)
            await _read(call, form.write)
            form.close()
            told = Received(file, format_of_part(form.file_type, form.file_name), form.mapping, "/file")
        else:
            await _read(call, file.write)
            told = Received(file, FORMATS.get(kind))
        stack.pop_all()
    return told


async def _read(call: Call, write: Callable[[bytes], None]) -> None:
    part_s, parts = call.gateway.settings.http_body_s, aiter(call.stream())
    try:
        while True:
            async with asyncio.timeout(part_s):
                part = await anext(parts, None)
            if part is None:
                return
            write(part)
    except TimeoutError:
        raise too_slow() from None
