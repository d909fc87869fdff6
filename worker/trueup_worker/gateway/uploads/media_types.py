"""Media types of files that are taken in, and the formats that they tell of."""

from pathlib import PurePath

from trueup.producer.files.opening.content import Format, format_of_name

FORM = "multipart/form-data"
JSON = "application/json"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS: dict[str, Format | None] = {
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/x-jsonlines": "jsonl",
    JSON: "jsonl",  # whose beginning tells whether it is one document
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    WORKBOOK: None,
    "application/gzip": None,
    "application/octet-stream": None,
}


def format_of_part(content_type: str, file_name: str) -> Format | None:
    """Format of a file in a form, by its type, else by its name's ending; None: its content tells.

    Senders say what they like of a file, as a browser with Excel beside it does of CSV: that is no reason to refuse it.
    """
    return FORMATS.get(media_type(content_type)) or format_of_name(PurePath(file_name))


def media_type(content_type: str) -> str:
    """The media type in a header, without its parameters."""
    return content_type.split(";", 1)[0].strip().lower()
