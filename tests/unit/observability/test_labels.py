"""Labels: closed sets, whatever comes from outside."""

from prometheus_client import CollectorRegistry, Counter

from trueup_worker.intake.progress import Stage
from trueup_worker.observability.labels import Series
from trueup_worker.observability.metrics import STAGES


def test_what_is_not_in_the_set_counts_as_other() -> None:
    """However many values come, there are as many series as combinations of those that are known."""
    registry = CollectorRegistry()
    series = Series(Counter("seen", "Seen.", ["kind", "end"], registry=registry), ("a", "b"), ("good",))
    for number in range(100):
        series.of(f"id-{number}", "good").inc()
        series.of("a", f"id-{number}").inc()
    assert registry.get_sample_value("seen_total", {"kind": "other", "end": "good"}) == 100
    assert registry.get_sample_value("seen_total", {"kind": "a", "end": "other"}) == 100
    (family,) = registry.collect()
    assert len({tuple(sorted(each.labels.items())) for each in family.samples}) == 3 * 2


def test_series_made_on_demand_are_bounded_too() -> None:
    """Where there are many combinations, a series is there once it is used."""
    registry = CollectorRegistry()
    series = Series(Counter("seen", "Seen.", ["kind"], registry=registry), ("a", "b"), at_once=False)
    series.of("a").inc()
    series.of("x").inc()
    series.of("y").inc()
    (family,) = registry.collect()
    assert {(each.labels["kind"], each.value) for each in family.samples} == {("a", 1.0), ("other", 2.0)}


def test_every_stage_has_a_series() -> None:
    """The stages of a delivery, and the one before it is taken."""
    assert set(STAGES) == {"queue", *Stage.__args__}  # type: ignore[attr-defined]
