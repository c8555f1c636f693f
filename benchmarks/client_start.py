"""How long a crawler waits for `import edge.client`, beside an interpreter that imports nothing.

python -m benchmarks.client_start
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

ROUNDS = 15
PROGRAMS = {
    "nothing": "pass",
    "import edge.client": "import edge.client",
    "a wallet, without a client": "from edge.client import Identity, SpendPolicy, Wallet",
    "PaidClient (httpx2)": "from edge.client import PaidClient",
}


def milliseconds(program: str) -> float:
    """Processor time of one start of an interpreter that runs this program; what else the machine does is not in it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def medians(rounds: int = ROUNDS) -> dict[str, float]:
    """The median of each program, in turn so that a busy moment falls on all of them."""
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(rounds):
        for name, program in PROGRAMS.items():
            taken[name].append(milliseconds(program))
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    """Print each program's start, and what it takes beyond an empty one."""
    found = medians()
    for name, time_taken in found.items():
        print(f"{name:28} {time_taken:7.1f} ms  {time_taken - found['nothing']:+7.1f} ms")


if __name__ == "__main__":
    main()
