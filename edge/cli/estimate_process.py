"""An estimate in a process of its own: reading a log keeps a processor busy, and the edge's must stay free.

The log is the child's standard input and its answer one JSON document; what it has read comes as lines before it.
Neither has a name in any folder, so nothing is left behind by a process that is killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from edge.core.address_book import FeedCopy
from edge.core.errors import EdgeError
from edge.core.log_reading import UnreadableLog
from edge.core.log_result import LogEstimate, from_document, to_document
from edge.core.rule_file import from_document as rules_from_document
from edge.core.rule_file import to_document as rules_to_document
from edge.proxy.own_catalogue import load_own_catalogue
from publisher_dashboard.estimates import Progress, RunEstimate, Task, estimate_log

NICENESS = 10


class EstimateFailed(EdgeError):
    """The process ended without an answer."""


def estimate_apart(catalogue_file: Path | None) -> RunEstimate:
    """Estimate in a process of its own, with the operator's own catalogue."""

    def run(task: Task, log: BinaryIO, progress: Progress) -> LogEstimate:
        with tempfile.TemporaryFile() as said:
            said.write(orjson.dumps({**_to_document(task), "catalogue_file": str(catalogue_file or "")}))
            said.seek(0)
            return _ask(log, said, progress)

    return run


def _ask(log: BinaryIO, said: BinaryIO, progress: Progress) -> LogEstimate:
    words = [sys.executable, "-m", "edge.cli.estimate_process", str(said.fileno())]
    with subprocess.Popen(words, stdin=log, stdout=subprocess.PIPE, pass_fds=[said.fileno()]) as child:
        assert child.stdout is not None
        for line in child.stdout:
            answer = orjson.loads(line)
            if "read" in answer:
                progress(answer["read"])
            elif "problem" in answer:
                raise UnreadableLog(answer["problem"])
            else:
                return from_document(answer["result"])
    raise EstimateFailed(f"the process that read a log ended with {child.returncode}")


def _to_document(task: Task) -> dict[str, Any]:
    return {
        "host": task.host,
        "currency": task.currency,
        "case_sensitive": task.case_sensitive,
        "rules": rules_to_document(task.rules),
        "copies": [[copy.url, copy.ranges, copy.accuses] for copy in task.copies],
        "own_host_only": task.own_host_only,
        "unpacked_bytes_max": task.unpacked_bytes_max,
    }


def _from_document(document: dict[str, Any]) -> Task:
    copies = tuple(FeedCopy(url, tuple(ranges), accuses) for url, ranges, accuses in document["copies"])
    return Task(**{**document, "rules": rules_from_document(document["rules"]), "copies": copies})


def main(said: int) -> None:
    """What the child does: the task is behind a file descriptor, the log on standard input."""
    os.nice(NICENESS)
    with os.fdopen(said, "rb") as file:
        document = orjson.loads(file.read())
    own = load_own_catalogue(Path(document.pop("catalogue_file")) if document["catalogue_file"] else None)
    document.pop("catalogue_file", None)
    task, catalogue = _from_document(document), own.catalogue()
    try:
        found = estimate_log(
            task,
            sys.stdin.buffer,
            lambda read: _say({"read": read}),
            catalogue.classify,
            own.sources(),
            catalogue.named,
        )
    except UnreadableLog as why:
        _say({"problem": str(why)})
        return
    _say({"result": to_document(found)})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
