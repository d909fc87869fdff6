"""Fields that name records and deals: customer, product, contract, type, key, ids of other systems."""

import re
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from trueup.producer.files.mapping.open_points import OPEN
from trueup.producer.files.suggestion.sample import Sample, SampledColumn, are_enough
from trueup.producer.files.suggestion.suggested import Suggested, counted, listed, quoted
from trueup.producer.files.suggestion.vocabulary import POSTPAID, PREPAID, Role, has_word, names_of

_DISTINCT_MAX = 20  # different values of a column that says of which type a deal is
_SALESFORCE_ID = re.compile(r"006[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?")
_NETSUITE = {"internal id", "document number", "amount foreign currency"}


def record_fields(sample: Sample) -> Iterator[Suggested]:
    """Suggestions for what a row is called and what it refers to."""
    yield _key(sample)
    yield from _ids_elsewhere(sample)
    yield from _texts(sample)
    yield _customer(sample)
    yield _product(sample)
    yield _contract(sample)
    yield _type(sample)
    yield _priority(sample)


def _key(sample: Sample) -> Suggested:
    candidates = sample.called("key")
    for column in candidates:
        if column.is_unique and _is_id(column) and not set("{}") & set(column.name):
            prefix = "sf-" if _is_salesforce(column) else "ns-" if _is_netsuite(sample) else ""
            why = f"its {sample.rows} values differ; the same key never makes a second commit"
            return Suggested("uniqueness_key", {"template": f"{prefix}{{{column.name}}}"}, why)
    question = f"{OPEN}text with columns in braces, another one for each row"
    return Suggested("uniqueness_key", {"template": question}, _no_key(candidates))


def _no_key(candidates: list[SampledColumn]) -> str:
    for column in candidates:
        if twice := [value for value, times in Counter(column.values).items() if times > 1]:
            return f"the column {quoted(column.name)} has {listed(twice, most=3)} more than once"
        if column.values and len(column.values) < len(column.cells):
            return (
                f"the column {quoted(column.name)} is empty in {counted(len(column.cells) - len(column.values), 'row')}"
            )
    return "no column has an id of each row"


def _ids_elsewhere(sample: Sample) -> Iterator[Suggested]:
    for column in sample.called("salesforce_id"):
        if _is_salesforce(column):
            yield Suggested("salesforce_opportunity_id", {"column": column.name}, "the commit is found by it")
            break
    for column in sample.called("netsuite_id") if _is_netsuite(sample) else ():
        if column.values:
            yield Suggested("netsuite_sales_order_id", {"column": column.name}, "the commit is found by it")
            break


def _texts(sample: Sample) -> Iterator[Suggested]:
    name = _filled(sample, "name")
    if name:
        yield Suggested("name", {"column": name.name}, "stands on invoices")
    description = _filled(sample, "description")
    if description and description is not name:
        yield Suggested("description", {"column": description.name}, "kept with the commit")


def _customer(sample: Sample) -> Suggested:
    by_name, by_id = _filled(sample, "customer"), _filled(sample, "customer_external_id")
    if by_id and are_enough(sum(map(_is_uuid, by_id.values)), len(by_id.values)):
        return Suggested("customer_id", {"column": by_id.name}, "its values are ids of the catalog's form")
    if by_name:
        other = (
            f'; or by = "external_id" with {quoted(by_id.name)}, if customers have these as aliases' if by_id else ""
        )
        source = {"column": by_name.name, "lookup": "customer", "by": "name"}
        return Suggested("customer_id", source, f"looked up by the name in the catalog{other}")
    if by_id:
        source = {"column": by_id.name, "lookup": "customer", "by": "external_id"}
        return Suggested("customer_id", source, "looked up by the customers' aliases in the catalog")
    source = {"column": f"{OPEN}the column that names the customer", "lookup": "customer", "by": "name"}
    return Suggested("customer_id", source, "no column is called like a customer")


def _product(sample: Sample) -> Suggested:
    if column := _filled(sample, "product"):
        source = {"column": column.name, "lookup": "product", "by": "name"}
        return Suggested("product_id", source, f"looked up by the name in the catalog: {listed(column.distinct)}")
    source = {"value": f"{OPEN}the name of the product that invoices show", "lookup": "product", "by": "name"}
    return Suggested("product_id", source, "no column names a product; `trueup products list` lists them")


def _contract(sample: Sample) -> Suggested:
    if column := _filled(sample, "contract"):
        source = {"column": column.name, "lookup": "contract", "by": "name"}
        return Suggested("invoice_contract_id", source, "looked up by the name among the customer's contracts")
    why = (
        "no column names a contract: the customer's only one is taken, and a row whose customer has several is refused"
    )
    return Suggested("invoice_contract_id", {"lookup": "contract", "by": "customer"}, why)


def _type(sample: Sample) -> Suggested:
    for column in sample.called("type"):
        meant = {value: _type_of(value) for value in column.distinct[: _DISTINCT_MAX + 1]}
        if 0 < len(meant) <= _DISTINCT_MAX and sum(kind is not None for kind in meant.values()) * 2 > len(meant):
            unknown = [value for value, kind in meant.items() if kind is None]
            values = {value: kind or f"{OPEN}PREPAID or POSTPAID" for value, kind in meant.items()}
            why = f"not known: {listed(unknown)}" if unknown else "recognised by its values"
            return Suggested("type", {"column": column.name, "values": values}, why)
    why = "no column says it: PREPAID is paid first; of POSTPAID what is missing at the end is billed"
    return Suggested("type", {"value": f"{OPEN}PREPAID or POSTPAID, or a column with values for each"}, why)


def _type_of(value: str) -> str | None:
    prepaid, postpaid = has_word(value, PREPAID), has_word(value, POSTPAID)
    return None if prepaid is postpaid else "PREPAID" if prepaid else "POSTPAID"


def _priority(sample: Sample) -> Suggested:
    column = _filled(sample, "priority")
    if column and all(value.isascii() and value.isdecimal() for value in column.distinct):
        return Suggested("priority", {"column": column.name}, "the lower number is used first")
    return Suggested("priority", {"value": 100}, "the same for all; the lower number is used first")


def _filled(sample: Sample, role: Role) -> SampledColumn | None:
    return next((column for column in sample.called(role) if column.values), None)


def _is_id(column: SampledColumn) -> bool:
    return all(len(value) <= 100 and any(each.isdigit() for each in value) for value in column.distinct)


def _is_salesforce(column: SampledColumn) -> bool:
    return are_enough(sum(bool(_SALESFORCE_ID.fullmatch(value)) for value in column.values), len(column.values))


def _is_netsuite(sample: Sample) -> bool:
    return len(_NETSUITE & {name for column in sample.columns for name in names_of(column)}) > 1


def _is_uuid(value: str) -> bool:
    try:
        return str(UUID(value)) == value.lower()
    except ValueError:
        return False
