"""Which usage a balance is for. Whether it is open at that hour is the engine's question."""

from collections.abc import Iterable
from sys import maxsize

from trueup.domain.burndown.catalog import Catalog, Product
from trueup.domain.burndown.values import Balance, GroupValues, LineKind, Specifier

UNLIMITED = maxsize
"""More products, or contracts, than any filter names."""


def applies(balance: Balance, kind: LineKind, product: Product) -> bool:
    """Tell whether usage of this kind, which is of this product, may draw on the balance while it is open."""
    return (
        _pays_in(balance, kind.unit_id)
        and (not balance.applicable_contract_ids or kind.contract_id in balance.applicable_contract_ids)
        and (not _filters_products(balance) or _admits(balance, product))
        and (not balance.specifiers or any(_holds(each, kind, product) for each in balance.specifiers))
    )


def applicable_products(balance: Balance, catalog: Catalog) -> int:
    """Number of products of the catalog that can match: those there can be usage of, each counted once.

    A balance without a product filter, or with a specifier that knows group values only, is `UNLIMITED`: it counts as
    most, even where a filter happens to admit the whole catalog.
    """
    if not _filters_products(balance) and not all(map(_restricts_product, balance.specifiers or (Specifier(),))):
        return UNLIMITED
    asked = balance.applicable_product_ids, balance.applicable_product_tags, balance.specifiers
    return catalog.counted(asked, lambda: _count(balance, catalog))


def applicable_contracts(balance: Balance) -> int:
    """Number of contracts it is for; `UNLIMITED` where none is given."""
    return len(balance.applicable_contract_ids) or UNLIMITED


def group_specifiers(balance: Balance) -> int:
    """Number of its specifiers that look at group values."""
    return sum(bool(each.pricing_group_values or each.presentation_group_values) for each in balance.specifiers)


def _count(balance: Balance, catalog: Catalog) -> int:
    """Look at no more products than ids and tags let through."""
    candidates = (catalog[each] for each in _candidates(balance, catalog) if each in catalog)
    return sum(product.type != "FIXED" and _may_match(balance, product) for product in candidates)


def _candidates(balance: Balance, catalog: Catalog) -> Iterable[str]:
    """Ids of products, each once, all that can match among them."""
    if balance.specifiers:
        return set().union(*(_specified(each, catalog) for each in balance.specifiers))
    return balance.applicable_product_ids.union(*map(catalog.tagged, balance.applicable_product_tags))


def _specified(specifier: Specifier, catalog: Catalog) -> Iterable[str]:
    if specifier.product_id is not None:
        return (specifier.product_id,)
    return catalog.tagged(min(specifier.product_tags)) if specifier.product_tags else catalog


def _pays_in(balance: Balance, unit_id: str) -> bool:
    return balance.access_type == "QUANTITY" or balance.unit_id == unit_id


def _filters_products(balance: Balance) -> bool:
    return bool(balance.applicable_product_ids or balance.applicable_product_tags)


def _admits(balance: Balance, product: Product) -> bool:
    """The union of the product ids and the tags."""
    return product.id in balance.applicable_product_ids or not balance.applicable_product_tags.isdisjoint(product.tags)


def _may_match(balance: Balance, product: Product) -> bool:
    if balance.specifiers:
        return any(_holds_for_product(each, product) for each in balance.specifiers)
    return _admits(balance, product)


def _restricts_product(specifier: Specifier) -> bool:
    return bool(specifier.product_id or specifier.product_tags or specifier.exclude)


def _holds(specifier: Specifier, kind: LineKind, product: Product) -> bool:
    return (
        _holds_for_product(specifier, product)
        and _carries(kind.pricing_group_values, specifier.pricing_group_values)
        and _carries(kind.presentation_group_values, specifier.presentation_group_values)
    )


def _holds_for_product(specifier: Specifier, product: Product) -> bool:
    return (
        specifier.product_id in {None, product.id}
        and specifier.product_tags <= product.tags
        and not any(tags <= product.tags for tags in specifier.exclude)
    )


def _carries(given: GroupValues, wanted: GroupValues) -> bool:
    return set(wanted) <= set(given)
