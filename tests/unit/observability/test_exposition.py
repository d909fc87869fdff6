"""Where a process tells its metrics."""

from itertools import product

from trueup_worker.observability.exposition import OFFSETS, port_of


def test_each_process_of_a_host_has_a_port_of_its_own() -> None:
    """Several of one name lie ten apart, whoever else runs."""
    ports = [port_of(9_400, kind, name=f"{kind}.{number}") for kind, number in product((*OFFSETS, "own"), range(1, 9))]
    assert len(set(ports)) == len(ports)


def test_the_first_of_each_kind_has_its_offset() -> None:
    """Whether or not it is numbered."""
    assert [port_of(9_400, kind, name=kind) - 9_400 for kind in OFFSETS] == list(OFFSETS.values())
    assert port_of(9_400, "bulk", name="bulk.1") == port_of(9_400, "bulk", name="anything") == 9_403
    assert port_of(9_400, "bulk", name="bulk.3") == 9_423
