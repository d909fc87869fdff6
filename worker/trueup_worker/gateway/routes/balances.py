"""Routes of balances: what a customer can use now, added up."""

from decimal import Decimal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from trueup.domain.burndown.values import CommitType
from trueup.store.catalog.names import unit_names
from trueup.store.commits.balances import BalanceFilter
from trueup.wire.problems import Problem
from trueup.wire.request.body import USD_CENTS
from trueup_worker.gateway.answers.commits import Net, NetBalanceAnswer
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import invalid, invalid_field
from trueup_worker.gateway.schema.bodies.commits import BalanceChoice, NetBalance
from trueup_worker.gateway.schema.openapi import answers
from trueup_worker.reporting.balance import UnknownCustomer, net_balance

router = APIRouter(route_class=GuardedRoute, tags=["Commits and credits"])

_TYPES: dict[str, CommitType] = {"PREPAID_COMMIT": "PREPAID", "POSTPAID_COMMIT": "POSTPAID", "CREDIT": "CREDIT"}
_QUANTITIES = UUID(int=0)  # what Metronome names where there is no one unit


@router.post("/v1/contracts/customerBalances/getNetBalance", responses=answers(NetBalanceAnswer.example()))
async def show_net_balance(request: Request, body: NetBalance) -> Response:
    """Sum of what a customer can use now of all commits and credits, or of those that any of the filters admits."""
    account_id, access_type = caller_of(request).account_id, body.access_type or "SPEND"
    if access_type == "QUANTITY" and body.credit_type_id is not None:
        raise invalid_field("/credit_type_id", "must not stand beside access_type QUANTITY")
    unit_id = None if access_type == "QUANTITY" else body.credit_type_id or UUID(USD_CENTS)

    with_drafts = body.invoice_inclusion_mode != "FINALIZED"

    def look(connection: Connection) -> Decimal:
        if unit_id is not None and str(unit_id) not in unit_names(connection, account_id):
            raise invalid([Problem.of("unit_not_found", path="/credit_type_id")])
        return net_balance(
            connection,
            account_id=account_id,
            customer_id=body.customer_id,
            access_type=access_type,
            unit_id=unit_id,
            filters=[_filter(each) for each in body.filters or ()],
            with_drafts=with_drafts,
        )

    gateway = gateway_of(request)
    try:
        balance = await (gateway.work_out(look) if with_drafts else gateway.read(look))
    except UnknownCustomer:
        raise invalid([Problem.of("customer_not_found", path="/customer_id")]) from None
    return Json(NetBalanceAnswer(data=Net(balance=balance, credit_type_id=unit_id or _QUANTITIES)))


def _filter(choice: BalanceChoice) -> BalanceFilter:
    types = choice.balance_types
    return BalanceFilter(
        types=None if types is None else [_TYPES[each] for each in types],
        ids=choice.ids,
        custom_fields=choice.custom_fields,
    )
