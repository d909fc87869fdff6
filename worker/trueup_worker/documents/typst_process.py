"""Process that sets documents: limited in memory, without packages or environment, in a folder with its logo alone.

It reads documents from stdin, a JSON text a line, and answers each with a line `pdf BYTES` or `error BYTES` and so many
bytes. How long one may take, the parent decides: it kills.
"""

import base64
import hashlib
import json
import resource
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import typst

MEMORY_BYTES_MAX = 3 << 30  # addresses: fonts are mapped, half a gigabyte of them


def main() -> None:
    """Answer documents until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = sys.stdout.buffer
    with tempfile.TemporaryDirectory() as empty:
        template = files(__package__).joinpath("invoice.typ").read_bytes()
        compiler = typst.Compiler(root=empty, package_path=empty, package_cache_path=empty)
        for line in sys.stdin.buffer:
            what, content = _compiled(compiler, template, json.loads(line), Path(empty))
            out.write(f"{what} {len(content)}\n".encode() + content)
            out.flush()


def _compiled(compiler: typst.Compiler, template: bytes, document: dict[str, Any], root: Path) -> tuple[str, bytes]:
    kind = document.pop("format")
    logo = base64.b64decode(document["logo"] or b"")
    file = root / f"{hashlib.sha256(logo).hexdigest()}.png"
    document["logo"] = file.name if logo else ""
    if logo:
        file.write_bytes(logo)
    try:
        made = compiler.compile(template, format=kind, sys_inputs={"document": json.dumps(document)})
    except (typst.TypstError, RuntimeError, MemoryError) as error:
        return "error", str(error).encode()
    finally:
        file.unlink(missing_ok=True)
    pages = made if isinstance(made, list) else [made]
    return "pdf", pages[0] or b""


if __name__ == "__main__":
    main()
