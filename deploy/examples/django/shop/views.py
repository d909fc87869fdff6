"""Deals over HTTP."""

from django.db import transaction
from django.forms import modelform_factory
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from shop.commits import submit
from shop.models import Deal

DealForm = modelform_factory(Deal, fields=["customer_id", "contract_id", "year", "amount"])


@require_POST
def win(request: HttpRequest) -> JsonResponse:
    """Saves a deal, and sends its request once that is committed: a rollback sends nothing."""
    form = DealForm(request.POST)
    if not form.is_valid():
        return JsonResponse(form.errors, status=400)
    with transaction.atomic():
        deal = form.save()
        transaction.on_commit(lambda: submit(deal), robust=True)  # an error is logged: send_commits tries again
    return JsonResponse({"id": deal.id}, status=202)
