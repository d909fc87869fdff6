"""Page of an invoice: HTML that runs nothing and loads nothing."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from trueup_worker.documents.view import Document

_STYLE = files(__package__).joinpath("invoice.css").read_text(encoding="utf-8")
_STYLE_SHA256 = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_IN_PAGE = f"default-src 'none'; style-src 'sha256-{_STYLE_SHA256}'; img-src data:"
_NOTHING_ELSE = f"{_IN_PAGE}; base-uri 'none'; form-action 'none'"
POLICY = f"{_NOTHING_ELSE}; frame-ancestors 'none'"
"""Policy for the header of an answer: this style, the logo, and nothing else."""


def page_of(document: Document) -> str:
    """HTML of a document; a value is text in it, whatever it looks like."""
    logo = None if document.logo is None else base64.b64encode(document.logo).decode()
    page: str = _template().render(document=document, logo=logo, style=_STYLE, policy=_NOTHING_ELSE)
    return page


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(files(__package__).joinpath("invoice.html").read_text(encoding="utf-8"))
