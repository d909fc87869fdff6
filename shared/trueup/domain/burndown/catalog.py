"""The products that a burn-down judges by. Counting over thousands of them for each balance would take longest."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

ProductType = Literal["FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Product that usage is of."""

    id: str
    name: str
    type: ProductType
    tags: frozenset[str] = frozenset()


class Catalog(Mapping[str, Product]):
    """The products of an account by id.

    They never change, so that what is counted over all of them is counted once, however many balances and customers
    have the same filter.

    Args:
        products: each once.
    """

    __slots__ = ("_by_id", "_by_tag", "_counts")

    def __init__(self, products: Iterable[Product] = ()) -> None:
        self._by_id = {product.id: product for product in products}
        self._by_tag: dict[str, set[str]] = {}
        self._counts: dict[Hashable, int] = {}
        for product in self._by_id.values():
            for tag in product.tags:
                self._by_tag.setdefault(tag, set()).add(product.id)

    def __getitem__(self, product_id: str) -> Product:
        return self._by_id[product_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def tagged(self, tag: str) -> Iterable[str]:
        """The ids of the products that carry this tag."""
        return self._by_tag.get(tag, ())

    def counted(self, key: Hashable, count: Callable[[], int]) -> int:
        """Count by `count` in this catalog, once for each key."""
        if key not in self._counts:
            self._counts[key] = count()
        return self._counts[key]
