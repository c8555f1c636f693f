"""Split an amount into whole parts that sum to it exactly: the method of the largest remainder.

Source: https://en.wikipedia.org/wiki/Quota_method (Hamilton's method). Ties go to the earlier part, so that the same
question has the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Split ``amount`` (not negative) in proportion to ``weights`` (not negative, not all zero)."""
    whole = sum(weights)
    if amount < 0 or whole <= 0 or min(weights) < 0:
        raise ValueError(f"{amount} cannot be split by {list(weights)}")
    parts = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % whole), place))
    for place in by_remainder[: amount - sum(parts)]:
        parts[place] += 1
    return parts
