"""The crawler's own books: caps hold, whoever asks, and nothing that may have been charged is ever free again."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from edge.client.spend_policy import Cap, SpendPolicy
from edge.client.spend_rows import FreePage, NewPurchase, Purchase, State
from edge.client.spend_store import SpendStore, SpendStoreProblem
from edge.core.money import Money
from tests.support.source_tree import ROOT

DAY = 86_400_000_000
NOW = 20_000 * DAY
TOTAL, DOMAIN = 10_000, 4_000
CAPS = SpendPolicy(per_request="USD 1", total="USD 0.01", per_domain_day="USD 0.004").caps("USD")
SIGNED = (("signature", "sig1=:c2lnbmVk:"),)


def purchase_of(micros: int, url: str = "https://a.example/1", at: int = NOW) -> NewPurchase:
    return NewPurchase(url, url.split("/")[2], Money(micros, "USD"), SIGNED, at, at + 300_000_000)


def bought(store: SpendStore, micros: int, url: str = "https://a.example/1", at: int = NOW) -> int:
    number = store.reserve(purchase_of(micros, url, at), CAPS)
    assert isinstance(number, int)
    return number


@pytest.fixture
def store(tmp_path: Path) -> SpendStore:
    return SpendStore(tmp_path / "spend.db")


def test_what_is_reserved_counts_until_it_is_settled_for_less(store: SpendStore) -> None:
    number = bought(store, 3_000)
    assert store.spent() == {"USD": 3_000}
    store.settle(number, Money(1_000, "USD"), "ch_1", NOW)
    assert store.spent() == {"USD": 1_000}
    assert store.spent("a.example 2024-10-04") == {"USD": 1_000}
    assert store.purchase(number).charge_id == "ch_1"


def test_a_cap_says_which_it_is_and_takes_nothing_anywhere(store: SpendStore) -> None:
    bought(store, 3_000)
    full = store.reserve(purchase_of(1_001, "https://a.example/2"), CAPS)
    assert full == Cap("domain_day", Money(DOMAIN, "USD"))
    assert store.spent() == {"USD": 3_000}
    assert store.faults() == []


def test_a_day_ends_and_a_total_does_not(store: SpendStore) -> None:
    for day in range(2):
        store.settle(bought(store, 4_000, at=NOW + day * DAY), Money(4_000, "USD"), None, NOW)
    full = store.reserve(purchase_of(2_001, "https://b.example/", NOW + 2 * DAY), CAPS)
    assert isinstance(full, Cap)
    assert full.scope == "total"
    bought(store, 2_000, "https://b.example/", NOW + 2 * DAY)


def test_a_refusal_releases_what_was_sent_once(store: SpendStore) -> None:
    number = bought(store, 3_000)
    assert store.refused(number, NOW) is State.RELEASED
    assert store.spent() == {"USD": 0}


def test_a_refusal_to_the_second_sending_says_nothing_of_the_first(store: SpendStore) -> None:
    number = bought(store, 3_000)
    store.sent_again(number)
    assert store.refused(number, NOW) is State.OPEN
    assert store.spent() == {"USD": 3_000}


def test_what_a_dead_process_left_is_taken_up_with_the_same_signature(store: SpendStore) -> None:
    number = bought(store, 3_000)
    again = SpendStore(store.path)
    found = again.take_up("https://a.example/1")
    assert found is not None
    assert (found.id, found.headers, found.unanswered) == (number, SIGNED, 2)
    assert again.take_up("https://a.example/2") is None


def test_two_who_want_one_page_at_once_share_a_purchase(store: SpendStore) -> None:
    number = bought(store, 3_000)
    found = store.reserve(purchase_of(2_000), CAPS)
    assert isinstance(found, Purchase)
    assert (found.id, found.reserved.amount_micros, found.unanswered) == (number, 3_000, 2)
    assert store.spent() == {"USD": 3_000}


def test_what_cannot_be_found_out_in_time_lapses_and_stays_spent(store: SpendStore) -> None:
    number = bought(store, 3_000)
    store.take_up("https://a.example/1")
    assert store.refused(number, NOW + 300_000_000) is State.LAPSED
    assert store.spent() == {"USD": 3_000}
    assert store.take_up("https://a.example/1") is None
    assert store.release_lapsed(number, NOW) is True
    assert store.release_lapsed(number, NOW) is False
    assert store.spent() == {"USD": 0}


def test_settling_twice_changes_nothing(store: SpendStore) -> None:
    number = bought(store, 3_000)
    for charged in (2_000, 1_000):
        store.settle(number, Money(charged, "USD"), "ch_1", NOW)
    assert store.spent() == {"USD": 2_000}


def test_more_than_was_reserved_is_never_settled(store: SpendStore) -> None:
    number = bought(store, 3_000)
    with pytest.raises(sqlite3.IntegrityError):
        store.settle(number, Money(3_001, "USD"), "ch_1", NOW)
    assert store.purchase(number).state is State.OPEN


def test_a_cap_holds_for_many_threads_with_stores_of_their_own(tmp_path: Path) -> None:
    def spend(number: int) -> int:
        store = SpendStore(tmp_path / "spend.db")
        taken = [store.reserve(purchase_of(70, f"https://h{number}.example/{page}"), CAPS) for page in range(12)]
        store.close()
        return sum(isinstance(one, int) for one in taken)

    SpendStore(tmp_path / "spend.db").close()
    with ThreadPoolExecutor(16) as pool:
        sold = sum(pool.map(spend, range(16)))
    assert sold == TOTAL // 70
    assert SpendStore(tmp_path / "spend.db").spent() == {"USD": sold * 70}


PROCESS = """
import sys
from tests.client.test_spend_store import CAPS, purchase_of
from edge.client.spend_store import SpendStore
store = SpendStore(sys.argv[1])
sys.stdin.read()
pages = (purchase_of(90, f"https://{sys.argv[2]}.example/{page}") for page in range(40))
print(sum(isinstance(store.reserve(page, CAPS), int) for page in pages))
"""


def test_a_cap_holds_for_several_processes(tmp_path: Path) -> None:
    path = tmp_path / "spend.db"
    SpendStore(path).close()
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(path), f"h{number}"], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for number in range(3)
    ]  # fmt: skip
    sold = sum(int(process.communicate("")[0]) for process in started)
    assert sold == TOTAL // 90
    assert SpendStore(path).faults() == []


def test_a_store_that_cannot_be_written_sells_nothing(store: SpendStore) -> None:
    number = bought(store, 3_000)
    store._database.execute("PRAGMA query_only = ON")
    with pytest.raises(SpendStoreProblem, match="nothing more is bought"):
        store.reserve(purchase_of(1_000, "https://a.example/2"), CAPS)
    store._database.execute("PRAGMA query_only = OFF")
    assert store.purchase(number).state is State.OPEN
    assert store.faults() == []


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(SpendStoreProblem, match="another program"):
        SpendStore(tmp_path / "other.db")
    with pytest.raises(SpendStoreProblem, match="another place"):
        SpendStore(tmp_path / "missing" / "spend.db")


def test_a_store_of_the_first_version_is_taken_on_with_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "spend.db"
    store = SpendStore(path)
    store.settle(bought(store, 3_000), Money(3_000, "USD"), "ch_1", NOW)
    store.close()
    with sqlite3.connect(path) as older:
        older.execute("DROP TABLE free_page")
        older.execute("PRAGMA user_version = 1")
    store = SpendStore(path)
    store.note_free(FreePage("ch_2", "https://a.example/2", "a.example", "USD", NOW))
    assert [page.charge_id for page in store.free_pages()] == ["ch_2"]
    assert store.spent() == {"USD": 3_000}


def test_a_store_of_a_newer_version_is_left_alone(store: SpendStore) -> None:
    with sqlite3.connect(store.path) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(SpendStoreProblem, match="newer version"):
        SpendStore(store.path)


def test_a_file_that_was_changed_by_hand_is_noticed(store: SpendStore) -> None:
    bought(store, 3_000)
    with sqlite3.connect(store.path) as other:
        other.execute("UPDATE spent SET micros = 1 WHERE scope = 'total'")
    assert store.faults() == ["total USD: counted 1, bought 3000"]


class StoreModel(RuleBasedStateMachine):
    """Any order of buying, answering, dying and asking again, on two stores that share a file."""

    open = Bundle("open")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "spend.db"
        self.stores = [SpendStore(path), SpendStore(path)]
        self.counted: dict[int, int] = {}  # what each purchase counts for
        self.sendings: dict[int, int] = {}  # sendings without an answer
        self.domains: dict[int, str] = {}
        self.made = 0

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.folder.cleanup()

    def fits(self, domain: str, micros: int) -> bool:
        at_domain = sum(self.counted[one] for one in self.counted if self.domains[one] == domain)
        return sum(self.counted.values()) + micros <= TOTAL and at_domain + micros <= DOMAIN

    @rule(target=open, who=st.integers(0, 1), domain=st.sampled_from("abc"), micros=st.integers(0, 3_000))
    def buy(self, who: int, domain: str, micros: int) -> object:
        self.made += 1
        found = self.stores[who].reserve(purchase_of(micros, f"https://{domain}.example/{self.made}"), CAPS)
        assert isinstance(found, int) is self.fits(domain, micros)
        if not isinstance(found, int):
            return multiple()
        self.counted[found], self.sendings[found], self.domains[found] = micros, 1, domain
        return found

    @rule(number=open, who=st.integers(0, 1))
    def take_up(self, number: int, who: int) -> None:
        is_open = self.stores[who].purchase(number).state is State.OPEN
        found = self.stores[who].take_up(self.stores[who].purchase(number).url)
        assert (found is not None) is is_open
        if found is not None:
            self.sendings[number] += 1

    @rule(number=open, who=st.integers(0, 1), part=st.integers(0, 100))
    def settle(self, number: int, who: int, part: int) -> None:
        before = self.stores[who].purchase(number)
        charged = before.reserved.amount_micros * part // 100
        self.stores[who].settle(number, Money(charged, "USD"), f"ch_{number}", NOW)
        if before.state in (State.OPEN, State.LAPSED):
            self.counted[number] = charged

    @rule(number=open, who=st.integers(0, 1), is_old=st.booleans())
    def refuse(self, number: int, who: int, is_old: bool) -> None:
        before = self.stores[who].purchase(number)
        if self.sendings[number] == 0:
            return
        self.sendings[number] -= 1
        after = self.stores[who].refused(number, NOW + (300_000_000 if is_old else 0))
        if before.state is State.OPEN:
            waiting = State.LAPSED if is_old else State.OPEN
            assert after is (waiting if self.sendings[number] else State.RELEASED)
            if after is State.RELEASED:
                self.counted[number] = 0
        else:
            assert after is before.state

    @rule(number=consumes(open), who=st.integers(0, 1))
    def give_up(self, number: int, who: int) -> None:
        was = self.stores[who].purchase(number).state
        assert self.stores[who].release_lapsed(number, NOW) is (was is State.LAPSED)
        if was is State.LAPSED:
            self.counted[number] = 0

    @invariant()
    def the_books_hold(self) -> None:
        assert self.stores[0].faults() == []
        assert self.stores[1].spent().get("USD", 0) == sum(self.counted.values()) <= TOTAL


TestStoreModel = StoreModel.TestCase
TestStoreModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
