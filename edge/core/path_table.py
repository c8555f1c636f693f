"""The addresses of a site's rules, looked up by dictionary instead of one by one.

Exact paths lie under the whole path, prefixes and patterns under the directory they start with, ``*.pdf`` and
the like under their ending. A lookup costs a few dictionary reads per directory of the address, up to the
deepest directory any rule names; a pattern engine is asked only about the patterns found that way.
"""

from __future__ import annotations

from edge.core.query_terms import QueryTest, parse_query_terms
from edge.core.rules import Rule
from edge.core.target import match_key
from edge.core.where import PathTest, Where, parse_where

_BEGINNINGS_REMEMBERED = 50_000

_Positions = dict[int, list[int]]
"""Positions of rules in ascending order, by the number of the group of crawlers they are for."""


class _Condition:
    """What a rule asks beyond its table's address: a pattern, parameters, a window."""

    __slots__ = ("path", "query", "rule")

    def __init__(self, rule: Rule, path: PathTest | None, query: QueryTest | None) -> None:
        self.rule = rule
        self.path = path
        self.query = query

    def holds(self, key: str, query: str | None, now: float) -> bool:
        return self.covers(key, query) and (self.rule.when is None or self.rule.when.contains(now))

    def covers(self, key: str, query: str | None) -> bool:
        if self.path is not None and not either_form(self.path, key):
            return False
        return self.query is None or self.query.matches(query)


class _Bucket:
    """Groups of positions by a piece of text that must be there; looked up once per distinct length."""

    __slots__ = ("by_text", "lengths")

    def __init__(self) -> None:
        self.by_text: dict[str, _Positions] = {}
        self.lengths: tuple[int, ...] = ()

    def add(self, text: str, group: int, position: int) -> None:
        self.by_text.setdefault(text, {}).setdefault(group, []).append(position)
        if len(text) not in self.lengths:
            self.lengths = (*self.lengths, len(text))


class PathTable:
    """The addresses of one site's rules. Keys are paths as ``path_key`` gives them."""

    __slots__ = (
        "_conditions",
        "_depth",
        "_directories",
        "_endings",
        "_exact",
        "_reach",
        "_sensitive",
        "_unsure",
        "_walked",
    )

    def __init__(self, *, case_sensitive: bool) -> None:
        self._sensitive = case_sensitive
        self._exact: dict[str, _Positions] = {}
        self._directories: dict[str, _Bucket] = {}
        self._depth = 0
        self._endings: _Bucket | None = None
        self._conditions: dict[int, _Condition] = {}
        self._reach = 0
        self._walked: dict[str, tuple[int, ...]] = {}
        self._unsure: dict[tuple[int, ...], tuple[int, ...]] = {}

    def add(self, position: int, group: int, rule: Rule) -> None:
        """Enter a rule; positions arrive in ascending order, so every list stays sorted."""
        where = parse_where(rule.where)
        general = where.exact is None and where.prefix is None
        if general or rule.query is not None or rule.when is not None:
            path = PathTest(where, case_sensitive=self._sensitive) if general else None
            query = query_test(rule.query, self._sensitive) if rule.query is not None else None
            self._conditions[position] = _Condition(rule, path, query)
        if where.exact is not None:
            key = path_key(where.exact, case_sensitive=self._sensitive)
            self._exact.setdefault(key, {}).setdefault(group, []).append(position)
            return
        head = match_key(where.head, case_sensitive=self._sensitive)
        tail = path_key(where.tail, case_sensitive=self._sensitive)
        if general and tail and len(head) <= 1:
            self._endings = self._endings or _Bucket()
            self._endings.add(tail, group, position)
            return
        directory = head[: head.rfind("/") + 1] or "/"
        self._depth = max(self._depth, directory.count("/"))
        self._reach = max(self._reach, len(head), len(directory))
        self._directories.setdefault(directory, _Bucket()).add(head[len(directory) :], group, position)

    def lowest(self, key: str, query: str | None, groups: tuple[int, ...], now: float, best: int) -> int:
        """The lowest position below ``best`` whose rule is for one of ``groups`` and matches, or ``best``."""
        if (positions := self._exact.get(key)) is not None:
            best = self._first(positions, key, query, groups, now, best)
        slashed = key + "/"
        end = 0
        for _ in range(self._depth):
            end = slashed.find("/", end) + 1
            if end == 0:
                break
            if (bucket := self._directories.get(slashed[:end])) is not None:
                for length in bucket.lengths:
                    if (positions := bucket.by_text.get(slashed[end : end + length])) is not None:
                        best = self._first(positions, key, query, groups, now, best)
        if self._endings is not None:
            for length in self._endings.lengths:
                if (positions := self._endings.by_text.get(key[-length:])) is not None:
                    best = self._first(positions, key, query, groups, now, best)
        return best

    def cover(self, key: str, query: str | None) -> tuple[int, ...]:
        """What of an address matters here: of two addresses with equal covers, the same rule is the lowest for anyone.

        A cover is made of the buckets that the path leads to, and of those of their rules that ask for more and get it.
        """
        # All that the walk through the directories sees of a path; many paths begin alike.
        head = (key + "/")[: self._reach]
        places = self._walked.get(head)
        if places is None:
            places = self._walk(head)
        if key in self._exact:
            places = (id(self._exact[key]), *places)
        if self._endings is not None:
            texts = (key[-length:] for length in self._endings.lengths)
            places += tuple(id(self._endings.by_text[text]) for text in texts if text in self._endings.by_text)
        unsure = self._unsure.get(places)
        if unsure is None:
            unsure = self._unsure[places] = self._asking_more(key)
        if not unsure:
            return places
        return (*places, -1, *(position for position in unsure if self._conditions[position].covers(key, query)))

    def _walk(self, head: str) -> tuple[int, ...]:
        """The buckets of the directories that a path with this beginning leads to, remembered."""
        if len(self._walked) >= _BEGINNINGS_REMEMBERED:
            self._walked.clear()
        places = self._walked[head] = tuple(id(positions) for positions in self._buckets(head))
        return places

    def _buckets(self, slashed: str) -> list[_Positions]:
        """The same way as in ``lowest``, without looking into what is found."""
        found = []
        end = 0
        for _ in range(self._depth):
            end = slashed.find("/", end) + 1
            if end == 0:
                break
            if (bucket := self._directories.get(slashed[:end])) is not None:
                for length in bucket.lengths:
                    if (positions := bucket.by_text.get(slashed[end : end + length])) is not None:
                        found.append(positions)
        return found

    def _asking_more(self, key: str) -> tuple[int, ...]:
        """The rules on the way of a path whose pattern or parameters must be looked at for each address."""
        buckets = [self._exact.get(key, {}), *self._buckets(key + "/")]
        if self._endings is not None:
            buckets += [self._endings.by_text.get(key[-length:], {}) for length in self._endings.lengths]
        positions = {position for bucket in buckets for rules in bucket.values() for position in rules}
        known = self._conditions
        asking = (at for at in positions if at in known and (known[at].path is not None or known[at].query is not None))
        return tuple(sorted(asking))

    def _first(
        self, positions: _Positions, key: str, query: str | None, groups: tuple[int, ...], now: float, best: int
    ) -> int:
        for group in groups:
            for position in positions.get(group, ()):
                if position >= best:
                    break
                condition = self._conditions.get(position)
                if condition is None or condition.holds(key, query, now):
                    best = position
                    break
        return best


def covers_path(where: Where, key: str, *, case_sensitive: bool) -> bool:
    """Whether one pattern covers a path in key form: the definition that the table's shortcuts must agree with."""
    if where.exact is not None:
        return match_key(where.exact, case_sensitive=case_sensitive).removesuffix("/") == key
    if where.prefix is not None:
        return (key + "/").startswith(match_key(where.prefix, case_sensitive=case_sensitive))
    return either_form(PathTest(where, case_sensitive=case_sensitive), key)


def either_form(test: PathTest, key: str) -> bool:
    """One slash at the end never decides: many servers answer with and without it."""
    return test.matches(key + "/") or (bool(key) and test.matches(key))


def path_key(path: str, *, case_sensitive: bool) -> str:
    """The key form of a canonical path: as rules compare it, without a slash at the end."""
    if "%" in path or case_sensitive:
        return match_key(path, case_sensitive=case_sensitive).removesuffix("/")
    return path.lower().removesuffix("/")  # what match_key says of a plain path, without the call


def query_test(query: str, case_sensitive: bool) -> QueryTest:
    """The compiled form of a rule's query."""
    return QueryTest(parse_query_terms(query), case_sensitive=case_sensitive)
