"""SQL of the smallest amount that can be paid of an invoice."""

from trueup.domain.payable_rounding import USD_CENTS


def kept_step(invoice: str) -> str:
    """Step of a row of invoices, by its unit as it was at finalization; NULL: any, as where none but USD was kept."""
    unit = f"{invoice}.parties -> 'unit'"
    return _step(f"{invoice}.unit_id", f"{unit} ->> 'amounts_in'", f"CAST({unit} ->> 'exponent' AS integer)")


def step_now(unit: str) -> str:
    """Step of a row of units, by its currency as it is now; NULL: any."""
    return _step(f"{unit}.id", f"{unit}.amounts_in", f"{unit}.exponent")


def _step(unit_id: str, amounts_in: str, exponent: str) -> str:
    return f"""CASE WHEN {unit_id} = '{USD_CENTS}' OR {amounts_in} = 'minor' THEN CAST(1 AS numeric)
                ELSE trim_scale(power(CAST(10 AS numeric), -{exponent})) END"""
