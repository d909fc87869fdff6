"""The pages and files of the two readers, and the policy under which a browser shows them."""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

# Redoc shows its maker's logo, from its maker's host.
_LOGO, _NO_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg", b"data:,"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; "  # Redoc searches in a worker that it makes itself
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_OWN, _PACKAGED = __package__, "fastapi_offline"
_FILES = {
    "swagger.js": _OWN,
    "redoc.js": _OWN,
    "reader.css": _OWN,
    "swagger-ui-bundle.js": _PACKAGED,
    "swagger-ui.css": _PACKAGED,
    "redoc.standalone.js": _PACKAGED,
    "favicon.png": _PACKAGED,
}
_MEDIA_TYPES = {"js": "text/javascript", "css": "text/css", "png": "image/png"}
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Trueup over HTTP</title>
  <link rel="icon" href="docs/favicon.png">{styles}
</head>
<body>
  <main id="reader"></main>{scripts}
</body>
</html>
"""


def _page(*names: str) -> str:
    """A page that loads these files, in this order."""
    styles = (f'\n  <link rel="stylesheet" href="docs/{name}">' for name in names if name.endswith(".css"))
    scripts = (f'\n  <script src="docs/{name}"></script>' for name in names if name.endswith(".js"))
    return _PAGE.format(styles="".join(styles), scripts="".join(scripts))


SWAGGER_UI = _page("swagger-ui.css", "reader.css", "swagger-ui-bundle.js", "swagger.js")
REDOC = _page("reader.css", "redoc.standalone.js", "redoc.js")


@cache
def reader_file(name: str) -> tuple[bytes, str]:
    """The content and media type of a file that a page loads.

    Raises:
        KeyError: there is no such file.
    """
    file: Traversable = files(_FILES[name]) / "static" / name
    return file.read_bytes().replace(_LOGO, _NO_LOGO), _MEDIA_TYPES[name.rpartition(".")[2]]
