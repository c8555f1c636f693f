"""The operator's share of what a publisher earns: whole parts of a million, taken once, when a month is closed.

Rules of this file
- A share is an integer number of parts per million, so that no float touches money; 12.5% is 125,000.
- A fee is rounded down to the micro-unit: a publisher never pays more than the share.
- A month in which more was given back than earned bears no fee, and what it lacks is taken off the next months' basis:
  over the months together the fee is the share of what was earned in all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge.core.errors import EdgeError

SHARE_PPM_MAX = 1_000_000
_SHARE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,4}))? ?%")
_PPM_PER_PERCENT = 10_000


class InvalidShare(EdgeError, ValueError):
    """A text that is not a share; the message says what would be."""


def parse_share(text: str) -> int:
    """Read ``12.5%`` as parts per million, exactly; raises ``InvalidShare``."""
    match = _SHARE.fullmatch(text.strip())
    if match is None:
        raise InvalidShare(f"{text!r} is not a share; write it like 12.5%, with four decimals at most")
    whole, decimals = match.groups()
    ppm = int(whole) * _PPM_PER_PERCENT + int((decimals or "").ljust(4, "0"))
    if ppm > SHARE_PPM_MAX:
        raise InvalidShare(f"{text!r} is more than there is; a share is 100% at most")
    return ppm


def format_share(ppm: int) -> str:
    """Write parts per million as ``12.5%``; what is written parses back to the same."""
    whole, rest = divmod(ppm, _PPM_PER_PERCENT)
    decimals = f"{rest:04d}".rstrip("0")
    return f"{whole}.{decimals}%" if decimals else f"{whole}%"


@dataclass(frozen=True, slots=True)
class FeeBasis:
    """What one publisher's fee of a month is taken of, in one currency; amounts in micro-units.

    ``net_micros`` is what the month came to, ``carried_micros`` (never positive) what earlier months lacked.
    """

    publisher_id: int
    currency: str
    share_ppm: int
    net_micros: int
    carried_micros: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share_ppm <= SHARE_PPM_MAX or self.carried_micros > 0:
            raise ValueError(f"{self} is no basis of a fee")

    @property
    def basis_micros(self) -> int:
        """What the share is taken of; a negative one bears no fee."""
        return self.net_micros + self.carried_micros

    @property
    def fee_micros(self) -> int:
        """The operator's share, never negative."""
        return max(self.basis_micros, 0) * self.share_ppm // SHARE_PPM_MAX

    @property
    def carries_micros(self) -> int:
        """What later months must make up for first; zero or negative."""
        return min(self.basis_micros, 0)
