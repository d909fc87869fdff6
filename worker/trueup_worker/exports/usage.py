"""Rated usage as it came, by transaction id."""

from trueup_worker.exports.export import Export, selected

USAGE = Export(
    name="usage",
    about="a line of rated usage, as it came",
    dated="timestamp",
    columns={
        "transaction_id": "the caller's, unique in the account for ever",
        "request_id": "of the request that brought it",
        "customer_id": "who used it",
        "contract_id": "under which contract",
        "product_id": "what was used",
        "product": "the product's name",
        "timestamp": "when it was used",
        "quantity": "how much",
        "list_price": "per unit",
        "commit_price": "per unit, where a COMMIT_RATE balance pays",
        "unit_id": "of the prices",
        "unit": "the unit's name",
        "pricing_group_values": "as JSON",
        "presentation_group_values": "as JSON",
        "is_late": "whether its month was closed when it came, and no invoice has taken it in since",
        "batch_id": "the batch that it came with",
        "booked_at": "in real time",
    },
    rows=selected("""
    SELECT l.transaction_id, l.request_id, l.customer_id, l.contract_id, l.product_id, product.name, l.at,
           trim_scale(l.quantity), trim_scale(l.list_price), trim_scale(l.commit_price), l.unit_id, unit.name,
           l.pricing_group_values, l.presentation_group_values, l.is_late, l.batch_id, l.booked_at
      FROM usage_line AS l
      LEFT JOIN product ON product.account_id = l.account_id AND product.id = l.product_id
      LEFT JOIN unit ON unit.account_id = l.account_id AND unit.id = l.unit_id
     WHERE l.account_id = :account_id AND l.at >= :since AND l.at < :until
     ORDER BY l.transaction_id
"""),
)
