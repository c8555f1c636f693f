"""What people read about the API is what programs read, on a page that anybody may open."""

from __future__ import annotations

from publisher_dashboard.api.problems import REASONS
from publisher_dashboard.api.routes import OPERATIONS
from publisher_dashboard.views.api_reference import curl_of, operation_of, reference_of
from tests.dashboard.conftest import House

DOCS = "/api/v1/docs"


def test_every_operation_and_code_is_listed_once() -> None:
    listed = [one.name for group in reference_of(OPERATIONS).groups for one in group.operations]
    assert sorted(listed) == sorted(one.name for one in OPERATIONS)
    assert {one.code for one in reference_of(OPERATIONS).refusals} == {code.value for code in REASONS}


def test_whoever_comes_reads_the_same(quick_house: House) -> None:
    stranger, owner = quick_house.new_browser(), quick_house.signed_in()
    for path in (DOCS, f"{DOCS}/publish"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert owner.get(path).text == answer.text
        assert "<script src=" not in answer.text.replace('<script src="/static/', "")
    assert f'href="{DOCS}/put_draft"' in stranger.get(DOCS).text
    assert f'href="{DOCS}"' in owner.get("/publishers/1/tokens").text


def test_every_operation_has_a_page(quick_house: House) -> None:
    stranger = quick_house.new_browser()
    for one in OPERATIONS:
        assert one.summary.replace("'", "&#39;") in stranger.get(f"{DOCS}/{one.name}").text
    assert stranger.get(f"{DOCS}/nothing").status_code == 404


def test_an_operation_is_told_in_full(quick_house: House) -> None:
    page = quick_house.new_browser().get(f"{DOCS}/publish").text
    for text in ("If-Match", "Idempotency-Key", "live_version", "prices", "moved_on", "/api/v1/sites/$HOST", "version"):
        assert text.replace("/api/v1/sites/$HOST", "$API/sites/$HOST/publish") in page, text


def test_no_field_of_an_operation_is_without_a_kind() -> None:
    for operation in OPERATIONS:
        told = operation_of(OPERATIONS, operation.name)
        assert told is not None
        assert all(one.kind for one in (*told.asks, *told.takes, *told.gives)), operation.name
        assert "{host}" not in told.curl


def test_words_come_without_marks() -> None:
    for operation in OPERATIONS:
        told = operation_of(OPERATIONS, operation.name)
        assert told is not None
        lines = (*told.asks, *told.takes, *told.gives)
        assert "`" not in "".join((told.words, told.takes_words, told.gives_words, *(one.meaning for one in lines)))
        assert told.gives_file or told.gives_words, operation.name


def test_a_field_inside_another_is_named_by_its_way() -> None:
    told = operation_of(OPERATIONS, "list_own_charges")
    assert told is not None
    names = {one.name: one.kind for one in told.gives}
    assert names["data[].price"] == "amount"
    assert {one.name for one in told.asks} >= {"site", "from", "to", "after"}


def test_a_command_names_what_the_operation_takes() -> None:
    publish = next(one for one in OPERATIONS if one.name == "publish")
    command = curl_of(publish)
    for part in ("-X POST", '-H "If-Match: $ETAG"', '-H "Idempotency-Key: $KEY"', '--data \'{"live_version"'):
        assert part in command
