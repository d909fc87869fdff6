"""Code samples of a call, as `x-codeSamples` has them: curl, Python by Metronome's SDK, Node.js by its own `fetch`."""

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from trueup_worker.gateway.docs.sdk_methods import SDK_METHODS

Json = dict[str, Any]

_FILE = "rows.jsonl"


@dataclass(frozen=True, slots=True)
class ExampleCall:
    """A call with the examples of its required parameters and of its body.

    Attributes:
        template: its path, with names in braces.
        arguments: values by these names.
        query: the part of the address after the question mark.
        media_type: of its body; None: it has none.
        body: what is sent as JSON; None: a file is sent.
    """

    method: str
    template: str
    arguments: dict[str, str]
    query: dict[str, str]
    needs_token: bool
    media_type: str | None
    body: Json | None

    @classmethod
    def of(cls, method: str, template: str, operation: Json) -> "ExampleCall":
        """The call that an operation of the document describes."""
        values: dict[str, dict[str, str]] = {"path": {}, "query": {}}
        for each in operation.get("parameters", ()):
            if each.get("required"):
                values[each["in"]][each["name"]] = each["example"]
        contents = operation.get("requestBody", {}).get("content", {})
        media_type = next(iter(contents), None)
        body = contents[media_type].get("example") if media_type else None
        needs_token = bool(operation["security"])
        return cls(method, template, values["path"], values["query"], needs_token, media_type, body)

    @property
    def target(self) -> str:
        """Path and query."""
        query = f"?{urlencode(self.query)}" if self.query else ""
        return self.template.format_map(self.arguments) + query


def samples_of(call: ExampleCall, *, url: str) -> list[Json]:
    """The samples of a call to the gateway at `url`."""
    return [
        {"lang": "Shell", "label": "curl", "source": _curl(call, url)},
        {"lang": "Python", "label": "Python", "source": _python(call, url)},
        {"lang": "JavaScript", "label": "Node.js", "source": _node(call, url)},
    ]


def _curl(call: ExampleCall, url: str) -> str:
    lines = [f"curl -sS -X {call.method} {shlex.quote(url + call.target)}"]
    if call.needs_token:
        lines.append('-H "authorization: Bearer $TRUEUP_TOKEN"')
    if call.media_type:
        content = f"--data-binary @{_FILE}" if call.body is None else f"-d {shlex.quote(_json(call.body))}"
        lines += [f"-H 'content-type: {call.media_type}'", content]
    return " \\\n  ".join(lines)


def _python(call: ExampleCall, url: str) -> str:
    method = SDK_METHODS.get((call.method, call.template))
    arguments = _sdk_arguments(call) if method else _plain_arguments(call)
    token = 'os.environ["TRUEUP_TOKEN"]' if call.needs_token else '"none is needed"'
    return "\n".join(
        [
            "# pip install metronome-sdk",
            *(["import os", ""] if call.needs_token else []),
            "from metronome import Metronome",
            "",
            f'client = Metronome(base_url="{url}", bearer_token={token})',
            f"answer = client.{method or call.method.lower()}({_lines(arguments)})",
            "print(answer)",
        ]
    )


def _sdk_arguments(call: ExampleCall) -> list[str]:
    arguments = {**call.arguments, **call.query, **(call.body or {})}
    return [f"{name}={_literal(value)}" for name, value in arguments.items()]


def _plain_arguments(call: ExampleCall) -> list[str]:
    """The arguments of the SDK's way to make a call that it has no method for."""
    arguments = [_literal(call.target), "cast_to=object"]
    if call.body is not None:
        arguments.append(f"body={_literal(call.body)}")
    elif call.media_type:
        arguments.append(f'content=open("{_FILE}", "rb")')
        arguments.append(f'options={{"headers": {{"Content-Type": "{call.media_type}"}}}}')
    return arguments


def _literal(value: Any) -> str:
    """A value of JSON in Python."""
    match value:
        case {**members}:
            return f"{{{_lines(f'{json.dumps(name)}: {_literal(member)}' for name, member in members.items())}}}"
        case [*items]:
            return f"[{_lines(map(_literal, items))}]"
        case str():
            return json.dumps(value)
        case _:
            return repr(value)


def _lines(parts: Iterable[str]) -> str:
    """Content of brackets: each part on lines of its own."""
    text = "".join(f"\n{part}," for part in parts).replace("\n", "\n    ")
    return f"{text}\n" if text else ""


def _node(call: ExampleCall, url: str) -> str:
    is_file = call.media_type is not None and call.body is None
    headers = []
    if call.needs_token:
        headers.append("authorization: `Bearer ${process.env.TRUEUP_TOKEN}`")
    if call.media_type:
        headers.append(f'"content-type": "{call.media_type}"')
    options = [f'method: "{call.method}"']
    if headers:
        options.append(f"headers: {{{_lines(headers)}}}")
    if call.media_type:
        options.append(f'body: await readFile("{_FILE}")' if is_file else f"body: JSON.stringify({_json(call.body)})")
    return "\n".join(
        [
            "// Node.js 18 or newer, as a module: node call.mjs",
            *(['import { readFile } from "node:fs/promises";', ""] if is_file else []),
            f'const response = await fetch("{url}{call.target}", {{{_lines(options)}}});',
            "console.log(response.status, await response.json());",
        ]
    )


def _json(body: Json | None) -> str:
    return json.dumps(body, indent=4)
