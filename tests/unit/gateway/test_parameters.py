"""Every parameter that Metronome's SDK knows is served, or refused by its name."""

from typing import Any, get_type_hints

import pytest
from metronome.types import v1
from metronome.types.shared_params import BalanceFilter
from metronome.types.v1 import contracts, customers
from metronome.types.v2 import ContractEditCommitParams, ContractEditCreditParams
from pydantic import BaseModel

from tests.integration.intake import settings_of
from trueup.wire.request.changes import Edit, EndDate
from trueup_worker.gateway.app import make_app
from trueup_worker.gateway.schema.bodies import catalog, commits

# What no type of ours has is `unknown_field`. Who adds a parameter takes it out here.
REFUSED = {
    v1.ContractAddManualBalanceEntryParams: "contract_id per_group_amounts",
    v1.ContractCreateParams: """
        billing_provider_configuration commits credits discounts hierarchy_configuration
        multiplier_override_prioritization overrides package_alias package_id prepaid_balance_threshold_configuration
        professional_services rate_card_alias recurring_commits recurring_credits reseller_royalties
        revenue_system_configuration scheduled_charges scheduled_charges_on_usage_invoices
        spend_threshold_configuration spend_trackers subscriptions total_contract_value transition usage_filter
    """,
    v1.CustomerCreateParams: """
        billing_config customer_billing_provider_configurations customer_revenue_system_configurations
    """,
    ContractEditCommitParams: "hierarchy_configuration",
    ContractEditCreditParams: "hierarchy_configuration",
    contracts.ProductCreateParams: "quantity_conversion quantity_rounding sql_breakdown_granularity",
}
OURS = {
    customers.CommitListParams: commits.CommitFilter,
    customers.CreditListParams: commits.CreditFilter,
    v1.ContractListBalancesParams: commits.BalanceFilter,
    v1.ContractGetNetBalanceParams: commits.NetBalance,
    BalanceFilter: commits.BalanceChoice,
    v1.ContractAddManualBalanceEntryParams: commits.ManualEntry,
    customers.CommitUpdateEndDateParams: EndDate,
    customers.CreditUpdateEndDateParams: EndDate,
    ContractEditCommitParams: Edit,
    ContractEditCreditParams: Edit,
    v1.ContractCreateParams: catalog.NewContract,
    v1.ContractRetrieveParams: catalog.ContractChoice,
    v1.ContractListParams: catalog.ContractFilter,
    v1.CustomerCreateParams: catalog.NewCustomer,
    contracts.ProductCreateParams: catalog.NewProduct,
    contracts.ProductRetrieveParams: catalog.ProductChoice,
}
# What is asked for in a path or a query.
ASKED = {
    v1.CustomerListParams: "/v1/customers",
    customers.InvoiceListParams: "/v1/customers/{customer_id}/invoices",
    customers.InvoiceRetrieveParams: "/v1/customers/{customer_id}/invoices/{invoice_id}",
    contracts.ProductListParams: "/v1/contract-pricing/products/list",
}
ELSEWHERE = {"credit_id"}  # changes know what they change by one name


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    """The document's calls by path and method."""
    told: dict[str, Any] = make_app(settings_of()).openapi()["paths"]
    return told


def fields(kind: type) -> set[str]:
    """What a type of ours takes."""
    return set(kind.model_fields) if issubclass(kind, BaseModel) else set(get_type_hints(kind)) | ELSEWHERE


@pytest.mark.parametrize("theirs", OURS, ids=lambda kind: kind.__name__)
def test_parameters(theirs: type) -> None:
    """What is not refused is served, and nothing that is refused is."""
    known, refused = set(get_type_hints(theirs)), set(REFUSED.get(theirs, "").split())
    assert known - fields(OURS[theirs]) == refused


@pytest.mark.parametrize("theirs", ASKED, ids=lambda kind: kind.__name__)
def test_parameters_of_queries(paths: dict[str, Any], theirs: type) -> None:
    """What the document tells of passes; the one thing more is the body's."""
    calls = paths[ASKED[theirs]]
    known = {each["name"] for call in calls.values() for each in call.get("parameters", ())}
    assert known | catalog.ProductFilter.model_fields.keys() >= get_type_hints(theirs).keys()
