"""Process that sets documents: limited in memory, without packages or environment, in a folder with its logo alone.

It reads documents from stdin, a JSON text a line, and answers each with a line `WHAT BYTES TOLD_BYTES`, what is to be
told, and the content: `pdf`, or `error` without any. How long one may take, the parent decides: it kills. The folder is
the parent's, too.
"""

import base64
import hashlib
import json
import resource
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import typst

ARCHIVED: Literal["a-2b"] = "a-2b"
NO_GLYPH = "could not be displayed"
MEMORY_BYTES_MAX = 3 << 30  # addresses: fonts are mapped, half a gigabyte of them


def main() -> None:
    """Answer documents until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out, root = sys.stdout.buffer, sys.argv[1]
    template = files(__package__).joinpath("invoice.typ").read_bytes()
    compiler = typst.Compiler(root=root, package_path=root, package_cache_path=root)
    for line in sys.stdin.buffer:
        what, content, told = _answer(compiler, template, json.loads(line), Path(root))
        out.write(f"{what} {len(content)} {len(told)}\n".encode() + told + content)
        out.flush()


def _answer(
    compiler: typst.Compiler, template: bytes, document: dict[str, Any], root: Path
) -> tuple[str, bytes, bytes]:
    logo = base64.b64decode(document["logo"] or b"")
    file = root / f"{hashlib.sha256(logo).hexdigest()}.png"
    document["logo"] = file.name if logo else ""
    if logo:
        file.write_bytes(logo)
    try:
        return "pdf", *_compiled(compiler, template, document)
    except (typst.TypstError, RuntimeError, MemoryError) as error:
        return "error", b"", str(error).encode()
    finally:
        file.unlink(missing_ok=True)


def _compiled(compiler: typst.Compiler, template: bytes, document: dict[str, Any]) -> tuple[bytes, bytes]:
    """Content, and what is to be told of it: PDF/A is refused where no font has a character, and plain PDF made."""
    kind, inputs = document.pop("format"), {"document": json.dumps(document)}
    told = b""
    if kind == "pdf":
        try:
            made = compiler.compile(template, format="pdf", sys_inputs=inputs, pdf_standards=ARCHIVED)
        except typst.TypstError as error:
            if NO_GLYPH not in str(error):
                raise
            told = str(error).encode()
        else:
            return _first(made), told
    return _first(compiler.compile(template, format=kind, sys_inputs=inputs)), told


def _first(made: Any) -> bytes:
    pages = made if isinstance(made, list) else [made]
    return pages[0] or b""


if __name__ == "__main__":
    main()
