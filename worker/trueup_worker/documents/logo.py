"""Logo of a seller: whatever image somebody gives, what is kept is a PNG of our own making."""

import struct
from io import BytesIO
from math import sqrt
from warnings import catch_warnings, simplefilter

from trueup.errors import TrueupError
from trueup.extras import extra
from trueup.limits import LOGO_BYTES_MAX, LOGO_PIXELS_MAX, LOGO_UPLOAD_BYTES_MAX

with extra("pdf", needed_by="a logo"):
    from PIL import Image, UnidentifiedImageError

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_TOO_MANY = f"the logo has more than {LOGO_PIXELS_MAX:,} pixels: make it smaller"
_SIDE_MAX = 1_000  # 600 dots an inch, as wide as it is shown


class BadLogo(TrueupError):
    """An image is of no kind that is taken, or too large."""


def png_of(content: bytes) -> bytes:
    """PNG of an image, at most 256 KiB: without what else the file held, and smaller where it has to be.

    Raises:
        BadLogo: it is no PNG, JPEG, GIF or WebP, or has more than 25 million pixels.
    """
    if len(content) > LOGO_UPLOAD_BYTES_MAX:
        raise BadLogo(f"the logo has more than {LOGO_UPLOAD_BYTES_MAX >> 20} MiB: make it smaller")
    try:
        with catch_warnings():
            simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(content), formats=_FORMATS)
            if image.width * image.height > LOGO_PIXELS_MAX:
                raise BadLogo(_TOO_MANY)
            plain = image.convert("RGBA")
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise BadLogo(_TOO_MANY) from None
    except (UnidentifiedImageError, OSError, EOFError, struct.error, SyntaxError, ValueError) as error:
        raise BadLogo(f"the logo cannot be read as one of {', '.join(_FORMATS)}") from error
    side = _SIDE_MAX
    while True:
        plain.thumbnail((side, side))
        png = BytesIO()
        plain.save(png, "PNG")
        if png.tell() <= LOGO_BYTES_MAX:
            return png.getvalue()
        side = min(side * 9 // 10, int(side * sqrt(LOGO_BYTES_MAX / png.tell()) * 0.95))
