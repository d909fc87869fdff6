"""The OpenAPI document as one page of plain HTML: no script, and nothing that is loaded from elsewhere."""

import json
import shlex
from collections import defaultdict
from collections.abc import Iterator
from html import escape
from typing import Any

Json = dict[str, Any]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
code, pre { font: 13px/1.45 ui-monospace, monospace; background: #f5f5f2; border-radius: 3px }
pre { padding: .7rem; overflow-x: auto } code { padding: 0 .2rem }
details { border: 1px solid #ddd; border-radius: 4px; margin: .5rem 0; padding: .4rem .8rem }
summary { cursor: pointer } summary b { display: inline-block; width: 3.5rem }
small { color: #666 } table { border-collapse: collapse } td { padding: .15rem .8rem .15rem 0; vertical-align: top }
@media (prefers-color-scheme: dark) {
  body { background: #191919; color: #ddd } code, pre { background: #262626 } details { border-color: #444 }
}
"""


def page_of(document: Json, *, url: str) -> str:
    """The page of a document that is served at `url`."""
    about = "".join(f"<p>{_words(line)}</p>" for line in [document["info"]["description"]])
    groups = "".join(f"<h2>{escape(name)}</h2>{''.join(calls)}" for name, calls in _groups(document, url).items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Trueup</title><style>{_STYLE}</style>'
        f'<h1>Trueup</h1>{about}<p><a href="/openapi.json">openapi.json</a></p>{groups}</html>'
    )


def _groups(document: Json, url: str) -> dict[str, list[str]]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups[operation["tags"][0]].append(_call(document, url, method.upper(), path, operation))
    return groups


def _call(document: Json, url: str, method: str, path: str, operation: Json) -> str:
    scope = operation.get("x-scope")
    parts = [
        f"<p>{_words(operation.get('description', ''))}</p>",
        f"<p>Scope: <code>{escape(scope)}</code></p>" if scope else "<p>Needs no token.</p>",
        _parameters(operation),
        *_bodies(document, operation),
        f"<pre>{escape(_curl(url, method, path, operation))}</pre>",
        *_responses(operation),
    ]
    title = f"<b>{method}</b> <code>{escape(path)}</code> <small>{escape(operation.get('summary', ''))}</small>"
    return f"<details><summary>{title}</summary>{''.join(parts)}</details>"


def _parameters(operation: Json) -> str:
    rows = [
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}</td>"
        f"<td>{_words(each.get('description', ''))}</td></tr>"
        for each in operation.get("parameters", ())
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _bodies(document: Json, operation: Json) -> Iterator[str]:
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        yield f"<p>Body: <code>{escape(media_type)}</code></p>"
        if name:
            yield f"<details><summary>Schema {escape(name)}</summary>{_pre(_schema(document, name))}</details>"


def _schema(document: Json, name: str) -> Json:
    schema: Json = document["components"]["schemas"][name]
    return schema


def _responses(operation: Json) -> Iterator[str]:
    for status, response in sorted(operation["responses"].items()):
        yield f"<p><b>{status}</b> {_words(response.get('description', ''))}</p>"
        for content in response.get("content", {}).values():
            named = [example["value"] for example in content.get("examples", {}).values()]
            yield from map(_pre, [content["example"]] if "example" in content else named)


def _curl(url: str, method: str, path: str, operation: Json) -> str:
    lines = [f"curl -sS -X {method} '{url}{path}'"]
    if operation.get("security"):
        lines.append('-H "authorization: Bearer $TRUEUP_TOKEN"')
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        given = f"-d {shlex.quote(json.dumps(content['example']))}" if "example" in content else "--data-binary @FILE"
        lines += [f"-H 'content-type: {media_type}'", given]
        break
    return " \\\n  ".join(lines)


def _pre(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2))}</pre>"


def _words(text: str) -> str:
    """Text with `code` in backticks."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
