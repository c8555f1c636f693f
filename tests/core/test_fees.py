"""The operator's share: exact to the micro-unit, never more than it says, and fair over months that give back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.fees import SHARE_PPM_MAX, FeeBasis, InvalidShare, format_share, parse_share

SHARES = st.integers(0, SHARE_PPM_MAX)
NETS = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(
    ("text", "ppm"),
    [("0%", 0), ("12.5%", 125_000), ("12.5 %", 125_000), ("0.0001%", 1), ("100%", 1_000_000), (" 7% ", 70_000)],
)
def test_a_share_is_read_exactly(text: str, ppm: int) -> None:
    assert parse_share(text) == ppm


@pytest.mark.parametrize(
    "text", ["", "12.5", "-1%", "100.0001%", "0.00001%", "1e1%", "1,5%", "\u0663%", "%", ".5%", "1000%"]
)
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InvalidShare, match="share"):
        parse_share(text)


@given(SHARES)
def test_a_share_that_is_written_reads_back(ppm: int) -> None:
    assert parse_share(format_share(ppm)) == ppm


@given(SHARES, NETS, st.integers(-(10**15), 0))
def test_a_fee_is_the_share_rounded_down_and_never_negative(ppm: int, net: int, carried: int) -> None:
    basis = FeeBasis(1, "USD", ppm, net, carried)
    whole = max(net + carried, 0) * ppm
    assert basis.fee_micros * SHARE_PPM_MAX <= whole < (basis.fee_micros + 1) * SHARE_PPM_MAX
    assert basis.carries_micros == min(net + carried, 0)


@given(SHARES, st.lists(NETS, min_size=1, max_size=12))
def test_over_months_that_make_up_for_each_other_the_fee_is_the_share_of_all(ppm: int, nets: list[int]) -> None:
    """What one month lacks is taken off the next, so that giving back late costs a publisher nothing."""
    fees = carried = charged = 0
    for net in nets:
        basis = FeeBasis(1, "USD", ppm, net, carried)
        fees, carried, charged = fees + basis.fee_micros, basis.carries_micros, charged + max(basis.basis_micros, 0)
    assert sum(nets) == charged + carried
    assert charged * ppm - len(nets) * SHARE_PPM_MAX < fees * SHARE_PPM_MAX <= charged * ppm


def test_a_basis_that_makes_no_sense_is_refused() -> None:
    for share, carried in ((-1, 0), (SHARE_PPM_MAX + 1, 0), (0, 1)):
        with pytest.raises(ValueError, match="no basis"):
            FeeBasis(1, "USD", share, 0, carried)
