"""Libraries of the extra `xlsx`."""

from trueup.extras import extra

with extra("xlsx", needed_by="a workbook (.xlsx)"):
    from defusedxml.ElementTree import fromstring, iterparse
    from openpyxl.packaging.relationship import get_rels_path
    from openpyxl.reader.excel import ExcelReader
    from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
    from openpyxl.xml.constants import SHARED_STRINGS, XLSM, XLSX, XLTM, XLTX

WORKBOOK_TYPES = (XLSX, XLSM, XLTX, XLTM)

__all__ = [
    "BUILTIN_FORMATS",
    "SHARED_STRINGS",
    "WORKBOOK_TYPES",
    "ExcelReader",
    "fromstring",
    "get_rels_path",
    "is_date_format",
    "is_timedelta_format",
    "iterparse",
]
