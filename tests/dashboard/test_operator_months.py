"""The operator's months: closed from the page, once, and held against their entries."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from edge.core.month import Month
from edge.core.statement import Party
from edge.store.books_tasks import DEAD_MICROS, end_task, find_task, start_task, tell_progress
from edge.store.closed_months import find_closed
from edge.store.publishers import set_share
from edge.store.tables import month_line
from publisher_dashboard.books_work import Books, Work, close_name, start_close
from tests.dashboard.conftest import Browser, House
from tests.dashboard.test_operating import operate

MONTHS = "/operator/months"
SEPTEMBER = Month(2026, 9)


def operator(house: House) -> Browser:
    operate(house)
    return house.signed_in("viewer@harbour.example")


def close(browser: Browser, label: str) -> str:
    answer = browser.post(f"{MONTHS}/{label}/close", {"sure": "yes"})
    assert answer.status_code == 303
    return str(answer.headers["location"])


def test_a_month_is_closed_from_the_page_after_one_is_sure(house: House) -> None:
    browser = operator(house)
    with house.database.write() as connection:
        set_share(connection, "Harbour Press", 125_000)
    assert "September 2026 can be closed." in browser.get(MONTHS).text
    asked = browser.post(f"{MONTHS}/2026-09/close")
    assert "Close September 2026 for ever?" in asked.text
    with house.database.read() as connection:
        assert find_closed(connection, SEPTEMBER) is None
    assert close(browser, "2026-09").endswith("said=closing")
    page = browser.get(f"{MONTHS}/2026-09").text
    assert ">closed<" in page
    assert "viewer@harbour.example" in page
    with house.database.read() as connection:
        closed, task = find_closed(connection, SEPTEMBER), find_task(connection, "close 2026-09")
    assert closed is not None
    assert task is not None
    assert (task.state, task.read_entries) == ("done", task.all_entries)
    assert close(browser, "2026-09") == f"{MONTHS}/2026-09", "it is closed once"
    assert "October 2026 can be closed." in browser.get(MONTHS).text


def test_a_month_that_cannot_be_closed_says_why_and_is_left_alone(quick_house: House) -> None:
    browser = operator(quick_house)
    assert "2026-09 has entries and is open; close it first" in browser.get(f"{MONTHS}/2026-10").text
    for label in ("2026-10", "2026-11"):
        close(browser, label)
        with quick_house.database.read() as connection:
            assert find_closed(connection, Month.parse(label)) is None
            assert find_task(connection, f"close {label}") is None
    assert browser.get(f"{MONTHS}/2026-12").status_code == 404


def test_books_that_do_not_verify_close_nothing_and_are_named(quick_house: House) -> None:
    browser = operator(quick_house)
    with quick_house.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE account SET balance_micros = balance_micros + 1 WHERE code = 'crawler:4:USD'"
        )
    close(browser, "2026-09")
    page = browser.get(f"{MONTHS}/2026-09").text
    assert "The books do not verify." in page
    assert "crawler:4:USD" in page
    with quick_house.database.read() as connection:
        assert find_closed(connection, SEPTEMBER) is None


def test_a_closed_month_is_held_against_its_entries(quick_house: House) -> None:
    browser = operator(quick_house)
    close(browser, "2026-09")
    browser.post(f"{MONTHS}/2026-09/verify")
    assert "It holds." in browser.get(f"{MONTHS}/2026-09").text
    with quick_house.database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER month_line_no_update")
        connection.execute(update(month_line).values(pages=month_line.c.pages + 1))
    browser.post(f"{MONTHS}/2026-09/verify")
    page = browser.get(f"{MONTHS}/2026-09").text
    assert "It did not end well." in page
    assert "line 0" in page


def test_the_operators_files_are_all_formats(quick_house: House) -> None:
    browser = operator(quick_house)
    page = browser.get(f"{MONTHS}/2026-10").text
    files = re.findall(rf'href="({MONTHS}/2026-10/files/\w+)"', page)
    assert len(files) == 10
    for path in files:
        answer = browser.get(path)
        assert (answer.status_code, len(answer.content) > 100) == (200, True), path
    assert browser.get(f"{MONTHS}/2026-10/files/exe").status_code == 404


def test_long_work_has_one_runner_until_it_dies(house: House) -> None:
    now = int(house.clock() * 1_000_000)
    with house.database.write() as connection:
        assert start_task(connection, "close 2026-09", "ann", now) == 1
        assert start_task(connection, "close 2026-09", "bob", now) is None
        assert start_task(connection, "close 2026-09", "bob", now + DEAD_MICROS) == 2
        tell_progress(connection, "close 2026-09", 1, 5, 10, now)
        end_task(connection, "close 2026-09", 1, well=True, said="the dead one's word", now_micros=now)
        found = find_task(connection, "close 2026-09")
        assert found is not None
        assert (found.state, found.started_by, found.read_entries) == ("running", "bob", 0)
        end_task(connection, "close 2026-09", 2, well=False, said="it broke", now_micros=now)
        assert start_task(connection, "close 2026-09", "cid", now) == 3


def test_two_people_who_close_at_once_start_it_once(quick_house: House, tmp_path: Path) -> None:
    held: list[object] = []
    books = Books(tmp_path, tmp_path / "kept.jsonl")
    work = Work(quick_house.database, books, Party("harbour", None, ()), "ann", quick_house.clock)
    assert start_close(work, SEPTEMBER, held.append)
    assert not start_close(replace(work, author="bob"), SEPTEMBER, held.append)
    assert len(held) == 1
    with quick_house.database.read() as connection:
        task = find_task(connection, close_name(SEPTEMBER))
    assert task is not None
    assert task.is_running(work.now_micros)
    browser = operator(quick_house)
    assert "The month is being closed." in browser.get(f"{MONTHS}/2026-09").text


@pytest.mark.parametrize("path", [MONTHS, f"{MONTHS}/2026-10", f"{MONTHS}/2026-10/files/csv"])
def test_the_operators_months_are_nobody_elses(quick_house: House, path: str) -> None:
    assert quick_house.signed_in("owner@harbour.example").get(path).status_code == 404
