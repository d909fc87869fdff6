"""Options of the command in messages, told as the parameters of calls that mean the same."""

import re

_DECIMALS = {"--decimal-comma": "decimal_comma=true", "--decimal-point": "decimal_comma=false", "--new": "new=true"}
_FLAG = re.compile(rf"(?<!\S){'|'.join(_DECIMALS)}\b")
_WITH_VALUE = re.compile(r"(?:(say )--([a-z][a-z-]*) |--(thousands) (?=\.)|--([a-z][a-z-]*)=)(?=\S)")
_ALONE = re.compile(r"--([a-z]+(?:-[a-z]+)*)")


def in_parameters(message: str) -> str:
    """A message about options of the command as one about parameters: `--key-suffix=-r2` is `key_suffix=-r2`."""
    told = _FLAG.sub(lambda option: _DECIMALS[option[0]], message)
    told = _WITH_VALUE.sub(_with_value, told)
    return _ALONE.sub(lambda option: _parameter(option[1]), told)


def _with_value(option: re.Match[str]) -> str:
    return f"{option[1] or ''}{_parameter(option[2] or option[3] or option[4])}="


def _parameter(option: str) -> str:
    return option.replace("-", "_")
