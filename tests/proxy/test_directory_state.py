"""The state machine of one directory under a clock of the test's own."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.core.keys import PublicKey, new_private_key, public_half
from edge.core.web_bot_auth import DirectoryDown, KeyUnknown
from edge.proxy.directory_state import (
    REFETCH_SECONDS,
    RETRY_MAX_SECONDS,
    DirectoryState,
    Need,
    StoredKeys,
)
from edge.proxy.key_documents import KeySet, Unusable

AGENT = "https://bot.example/.well-known/http-message-signatures-directory"
NOW = 1_800_000_000.0
KEY = public_half(new_private_key())
OTHER = public_half(new_private_key())


def answer_of(*keys: PublicKey, ttl_seconds: int = 1000) -> KeySet:
    return KeySet({key.thumbprint: key for key in keys}, ttl_seconds, frozenset(), ())


def holding(*keys: PublicKey, at: float = NOW, ttl_seconds: int = 1000) -> DirectoryState:
    state = DirectoryState(AGENT)
    fetch(state, answer_of(*keys, ttl_seconds=ttl_seconds), at)
    return state


def fetch(state: DirectoryState, answer: KeySet | Unusable, at: float, random_unit: float = 0.0) -> None:
    state.attempted_at = at
    if isinstance(answer, KeySet):
        state.accept(answer, at, random_unit)
    else:
        state.refuse(answer, at, random_unit)


def need(state: DirectoryState, key: PublicKey, at: float) -> Need:
    return state.need(key.thumbprint, at, is_fetching=False)


def test_the_first_question_has_to_wait() -> None:
    state = DirectoryState(AGENT)
    assert need(state, KEY, NOW) is Need.WAIT
    assert isinstance(state.answer(KEY.thumbprint, NOW, is_fetching=True), DirectoryDown)


def test_a_fresh_key_is_answered_at_once() -> None:
    state = holding(KEY)
    assert need(state, KEY, NOW + 700) is Need.NOTHING
    assert state.answer(KEY.thumbprint, NOW + 700, is_fetching=False) == KEY


def test_an_answer_is_renewed_ahead_of_its_time_without_waiting() -> None:
    state = holding(KEY)
    assert need(state, KEY, NOW + 760) is Need.BACKGROUND
    assert state.answer(KEY.thumbprint, NOW + 760, is_fetching=True) == KEY


def test_past_its_time_an_answer_is_not_believed_unasked() -> None:
    state = holding(KEY)
    assert need(state, KEY, NOW + 1001) is Need.WAIT
    assert isinstance(state.answer(KEY.thumbprint, NOW + 1001, is_fetching=True), DirectoryDown)


def test_a_failed_fetch_keeps_the_keys() -> None:
    state = holding(KEY)
    fetch(state, Unusable("down"), NOW + 1001)
    for later in (1001, 1020, 5000, 500_000):
        assert state.answer(KEY.thumbprint, NOW + later, is_fetching=False) == KEY
        assert need(state, KEY, NOW + later) is not Need.WAIT, "nobody waits for a directory that is down"


def test_a_good_answer_without_the_key_removes_it() -> None:
    state = holding(KEY)
    fetch(state, answer_of(OTHER), NOW + 1001)
    assert state.answer(KEY.thumbprint, NOW + 1002, is_fetching=False) == KeyUnknown()
    assert state.answer(OTHER.thumbprint, NOW + 1002, is_fetching=False) == OTHER


def test_an_unlisted_key_asks_again_once_a_minute_and_no_more() -> None:
    state = holding(KEY)
    assert need(state, OTHER, NOW + REFETCH_SECONDS - 1) is Need.NOTHING
    assert state.answer(OTHER.thumbprint, NOW + REFETCH_SECONDS - 1, is_fetching=False) == KeyUnknown()
    assert need(state, OTHER, NOW + REFETCH_SECONDS) is Need.WAIT
    fetch(state, answer_of(KEY), NOW + REFETCH_SECONDS)
    assert need(state, OTHER, NOW + REFETCH_SECONDS + 1) is Need.NOTHING


def test_while_a_new_answer_is_on_its_way_an_unlisted_key_is_told_to_come_again() -> None:
    state = holding(KEY)
    assert isinstance(state.answer(OTHER.thumbprint, NOW + 61, is_fetching=True), DirectoryDown)


def test_an_expired_key_asks_for_a_new_answer_and_is_given_for_the_core_to_judge() -> None:
    old = PublicKey(KEY.thumbprint, KEY.raw, KEY.key, expires_at=int(NOW) + 100)
    state = holding(old)
    assert need(state, KEY, NOW + 99) is Need.NOTHING
    assert need(state, KEY, NOW + 100) is Need.WAIT
    fetch(state, answer_of(old), NOW + 100)
    assert state.answer(KEY.thumbprint, NOW + 101, is_fetching=False) == old


def test_failures_are_remembered_longer_each_time_and_five_minutes_at_most() -> None:
    state = DirectoryState(AGENT)
    now, pauses = NOW, []
    for _ in range(8):
        fetch(state, Unusable("down"), now, random_unit=1.0)
        answer = state.answer(KEY.thumbprint, now, is_fetching=False)
        assert isinstance(answer, DirectoryDown)
        pauses.append(answer.retry_after_seconds)
        assert need(state, KEY, now + pauses[-1] - 1) is Need.NOTHING
        now += pauses[-1]
        assert need(state, KEY, now) is Need.WAIT
    assert pauses == [15, 30, 60, 120, 240, 300, 300, 300]


def test_the_pause_is_spread_at_random() -> None:
    early, late = DirectoryState(AGENT), DirectoryState(AGENT)
    fetch(early, Unusable("down"), NOW, random_unit=0.0)
    fetch(late, Unusable("down"), NOW, random_unit=1.0)
    assert early.answer("x", NOW, is_fetching=False) == DirectoryDown(12)
    assert late.answer("x", NOW, is_fetching=False) == DirectoryDown(15)


def test_the_directorys_own_wish_lengthens_the_pause_within_five_minutes() -> None:
    for wish, pause in ((1, 15), (100, 100), (86_400, 300)):
        state = DirectoryState(AGENT)
        fetch(state, Unusable("busy", wish), NOW, random_unit=1.0)
        assert state.answer("x", NOW, is_fetching=False) == DirectoryDown(pause)


def test_a_good_answer_forgets_the_failures() -> None:
    state = DirectoryState(AGENT)
    fetch(state, Unusable("down"), NOW)
    fetch(state, answer_of(KEY), NOW + 20)
    assert state.view(is_fetching=False).failure is None
    fetch(state, Unusable("down"), NOW + 2000, random_unit=1.0)
    assert state.view(is_fetching=False).retry_at == NOW + 2015


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    state = DirectoryState(AGENT)
    fetch(state, Unusable("down"), NOW)
    assert need(state, KEY, NOW - 100_000) is Need.WAIT


def test_what_a_restart_kept_is_as_old_as_it_was() -> None:
    state = DirectoryState(AGENT)
    state.restore(StoredKeys(b"", NOW - 500, NOW + 500), (KEY,))
    assert state.is_fresh(NOW)
    assert state.answer(KEY.thumbprint, NOW, is_fetching=False) == KEY
    assert not state.is_fresh(NOW + 500)
    assert need(state, KEY, NOW + 500) is Need.WAIT


def test_the_view_says_what_is_held_and_what_went_wrong() -> None:
    state = holding(KEY)
    fetch(state, Unusable("down"), NOW + 1001, random_unit=1.0)
    view = state.view(is_fetching=True)
    assert view.thumbprints == (KEY.thumbprint,)
    assert (view.fetched_at, view.fresh_until, view.attempted_at) == (NOW, NOW + 1000, NOW + 1001)
    assert (view.failure, view.retry_at, view.is_fetching) == ("down", NOW + 1016, True)


class DirectoryLife(RuleBasedStateMachine):
    """Any order of answers, failures and questions, against what the last good answer said."""

    def __init__(self) -> None:
        super().__init__()
        self.state = DirectoryState(AGENT)
        self.now = NOW
        self.listed: set[PublicKey] | None = None
        self.fetched = [NOW - 1e9]

    @rule(seconds=st.sampled_from([0.5, 10, 59, 61, 299, 301, 4000, 90_000]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.is_due())
    @rule(keys=st.sets(st.sampled_from([KEY, OTHER])), ttl_seconds=st.sampled_from([60, 3600, 86_400]))
    def answers(self, keys: set[PublicKey], ttl_seconds: int) -> None:
        self.fetched.append(self.now)
        self.listed = keys
        fetch(self.state, answer_of(*keys, ttl_seconds=ttl_seconds), self.now, 0.5)

    @precondition(lambda self: self.is_due())
    @rule()
    def fails(self) -> None:
        self.fetched.append(self.now)
        fetch(self.state, Unusable("down"), self.now, 0.5)

    def is_due(self) -> bool:
        return any(need(self.state, key, self.now) is not Need.NOTHING for key in (KEY, OTHER))

    @invariant()
    def no_key_is_given_that_the_last_good_answer_did_not_list(self) -> None:
        for key in (KEY, OTHER):
            answer = self.state.answer(key.thumbprint, self.now, is_fetching=False)
            if isinstance(answer, PublicKey):
                assert self.listed is not None
                assert key in self.listed
            elif isinstance(answer, KeyUnknown):
                assert self.listed is not None
                assert key not in self.listed
            else:
                assert 1 <= answer.retry_after_seconds <= RETRY_MAX_SECONDS

    @invariant()
    def no_directory_is_asked_twice_within_twelve_seconds(self) -> None:
        assert all(later - earlier >= 12 for earlier, later in zip(self.fetched, self.fetched[1:], strict=False))


TestDirectoryLife = DirectoryLife.TestCase
