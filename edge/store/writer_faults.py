"""Writers are numbered 1, 2, 3, ...: one that is gone with all that it wrote leaves a gap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edge.store.faults import Fault

NAMED_ONE_BY_ONE = 20


def missing_writers(known: Iterable[int]) -> Iterator[Fault]:
    """Name the gaps in the numbers; a wide one as a whole, because a number that was changed may be anything."""
    expected = 1
    for number in sorted(set(known)):
        if number - expected > NAMED_ONE_BY_ONE:
            yield Fault("I6", f"writers {expected} to {number - 1}", f"are missing, or writer {number} was changed")
        else:
            for missing in range(expected, number):
                yield Fault("I6", f"writer {missing}", "is missing, with all that it wrote")
        expected = max(expected, number + 1)
