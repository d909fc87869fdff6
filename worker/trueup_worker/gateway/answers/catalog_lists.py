"""Lists of customers, products and contracts: each entry as the command line lists it."""

from typing import Literal, Self
from uuid import UUID

from trueup.store.catalog.search import FoundContract, FoundCustomer, FoundProduct
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.http.answer import Answer, Instant, Page


class ListedCustomer(Answer):
    """A customer in a list.

    Attributes:
        aliases: what producers of usage call it.
    """

    id: UUID
    name: str
    aliases: list[str]
    created_at: Instant


class CustomerList(Page):
    """Customers, and where the next page begins."""

    data: list[ListedCustomer]
    next_page: UUID | None

    @classmethod
    def example(cls) -> Self:
        """One customer."""
        customer = FoundCustomer(
            id=examples.CUSTOMER,
            name=examples.CUSTOMER_NAME,
            aliases=[examples.CUSTOMER_ALIAS],
            created_at=examples.MADE_AT,
        )
        return cls(data=[ListedCustomer.from_record(customer)], next_page=None)


class ListedProduct(Answer):
    """A product in a list."""

    id: UUID
    name: str
    type: Literal["FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE"]
    tags: list[str]
    created_at: Instant


class ProductList(Page):
    """Products, and where the next page begins."""

    data: list[ListedProduct]
    next_page: UUID | None

    @classmethod
    def example(cls) -> Self:
        """One product."""
        product = FoundProduct(
            id=examples.PRODUCT,
            name=examples.PRODUCT_NAME,
            type="FIXED",
            tags=[examples.PRODUCT_TAG],
            created_at=examples.MADE_AT,
        )
        return cls(data=[ListedProduct.from_record(product)], next_page=None)


class ListedContract(Answer):
    """A contract in a list.

    Attributes:
        customer: the customer's name.
    """

    id: UUID
    name: str | None
    customer_id: UUID
    customer: str | None
    starting_at: Instant
    ending_before: Instant | None
    uniqueness_key: str | None
    created_at: Instant


class ContractList(Page):
    """Contracts of all customers, and where the next page begins."""

    data: list[ListedContract]
    next_page: UUID | None

    @classmethod
    def example(cls) -> Self:
        """A contract without an end."""
        contract = FoundContract(
            id=examples.CONTRACT,
            name=examples.CONTRACT_NAME,
            customer_id=examples.CUSTOMER,
            customer=examples.CUSTOMER_NAME,
            starting_at=examples.STARTING_AT,
            ending_before=None,
            uniqueness_key=examples.CONTRACT_KEY,
            created_at=examples.MADE_AT,
        )
        return cls(data=[ListedContract.from_record(contract)], next_page=None)
