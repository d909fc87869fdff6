"""Libraries of the extra `xlsx`."""

from trueup.extras import extra

with extra("xlsx", needed_by="a workbook (.xlsx)"):
    from defusedxml.ElementTree import fromstring, iterparse
    from openpyxl.reader.excel import ExcelReader
    from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format

__all__ = ["BUILTIN_FORMATS", "ExcelReader", "fromstring", "is_date_format", "is_timedelta_format", "iterparse"]
