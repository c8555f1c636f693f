"""Settings: environment over file over defaults, and nothing misspelt passes."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from edge.setting_values import Bind
from edge.settings import InvalidSettings, Settings, check_settings, hide_password, load_settings, read_layers


def write_file(directory: Path, text: str) -> None:
    (directory / "farebox.toml").write_text(text, encoding="utf-8")


def test_without_anything_set_the_defaults_are_the_documented_ones(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    assert settings.database_url == "sqlite:///farebox.db"
    assert settings.edge_bind == Bind("127.0.0.1", 8402)
    assert settings.dashboard_bind == Bind("127.0.0.1", 8403)
    assert settings.admin_bind == Bind("127.0.0.1", 9402)
    assert (settings.operator, settings.workers, settings.dev) == ("local", 1, False)
    assert settings.body_buffer_bytes == 262_144


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    write_file(tmp_path, 'operator = "file"\nedge_bind = "0.0.0.0:80"\n')
    settings = load_settings({"FAREBOX_OPERATOR": "environment"}, tmp_path)
    assert settings.operator == "environment"
    assert settings.edge_bind == Bind("0.0.0.0", 80)


def test_each_value_says_where_it_came_from(tmp_path: Path) -> None:
    write_file(tmp_path, 'operator = "file"\nnode = "a"\n')
    layers = read_layers({"FAREBOX_OPERATOR": "environment", "HOME": "/root"}, tmp_path)
    assert layers.sources == {"operator": "FAREBOX_OPERATOR", "node": str(tmp_path / "farebox.toml")}


def test_what_the_crawlers_program_reads_is_no_misspelt_setting(tmp_path: Path) -> None:
    assert read_layers({"FAREBOX_CRAWL_LOG": "receipts.jsonl"}, tmp_path).values == {}


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"FAREBOX_WORKRS": "2"}, "FAREBOX_WORKRS is not a setting; did you mean FAREBOX_WORKERS?"),
        ({"FAREBOX_Dev": "1"}, "FAREBOX_Dev is not a setting"),
        ({"FAREBOX_WORKERS": "many"}, "FAREBOX_WORKERS cannot be used: input should be a valid integer"),
        ({"FAREBOX_WORKERS": "2"}, "Workers above 1 need PostgreSQL"),
        ({"FAREBOX_EDGE_BIND": "8402"}, "FAREBOX_EDGE_BIND cannot be used: write it as host:port"),
        ({"FAREBOX_EDGE_BIND": "host:99999"}, "write it as host:port"),
        ({"FAREBOX_DATABASE_URL": "mysql://h/d"}, "use sqlite:///FILE or postgresql+psycopg://"),
        ({"FAREBOX_DATABASE_URL": "sqlite:///:memory:"}, "use sqlite:///FILE"),
        ({"FAREBOX_TRUSTED_PROXIES": "10.0.0.1/8"}, "list addresses or ranges, such as 10.0.0.0/8"),
        ({"FAREBOX_DASHBOARD_URL": "ftp://x"}, "write it as https://host"),
        ({"FAREBOX_LOG_LEVEL": "loud"}, "FAREBOX_LOG_LEVEL cannot be used"),
        ({"FAREBOX_CLIENT_BYTES_PER_SECOND": "-1"}, "greater than or equal to 0"),
        ({"FAREBOX_ANSWER_SECONDS": "0"}, "greater than 0"),
        ({"FAREBOX_CONNECTIONS_PER_ADDRESS": "0"}, "greater than or equal to 1"),
        ({"FAREBOX_CONNECTIONS": "100"}, "no lower than connections_per_address"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_would_be(
    tmp_path: Path, environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InvalidSettings) as refused:
        load_settings(environment, tmp_path)
    assert sentence in str(refused.value)


def test_an_unknown_key_in_the_file_is_refused_by_name(tmp_path: Path) -> None:
    write_file(tmp_path, "databse_url = 'sqlite:///x.db'")
    with pytest.raises(
        InvalidSettings, match=r"databse_url in .*farebox\.toml is not a setting; did you mean database_url"
    ):
        load_settings({}, tmp_path)


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as refused:
        load_settings({"FAREBOX_DEV": "perhaps", "FAREBOX_WORKERS": "0"}, tmp_path)
    assert len(refused.value.problems) == 2


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    write_file(tmp_path, "operator = ")
    with pytest.raises(InvalidSettings, match="is not TOML"):
        load_settings({}, tmp_path)


def test_trusted_proxies_are_a_list_in_the_file_and_commas_in_the_environment(tmp_path: Path) -> None:
    write_file(tmp_path, 'trusted_proxies = ["10.0.0.0/8", "::1"]')
    expected = (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert load_settings({}, tmp_path).trusted_proxies == expected
    assert load_settings({"FAREBOX_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}, tmp_path).trusted_proxies == expected


def test_several_workers_are_fine_on_postgresql_however_its_address_is_spelled(tmp_path: Path) -> None:
    environment = {"FAREBOX_WORKERS": "4", "FAREBOX_DATABASE_URL": "postgresql://farebox:s3cret@db/farebox"}
    settings = load_settings(environment, tmp_path)
    assert settings.workers == 4
    assert settings.database_url == "postgresql+psycopg://farebox:s3cret@db/farebox"
    assert not settings.is_embedded
    assert settings.database_file is None


def test_the_database_password_is_never_shown(tmp_path: Path) -> None:
    settings = load_settings({"FAREBOX_DATABASE_URL": "postgresql://farebox:s3cret@db/farebox"}, tmp_path)
    assert "s3cret" not in repr(settings)
    assert settings.public_dump()["database_url"] == "postgresql+psycopg://farebox:***@db/farebox"
    assert hide_password("sqlite:///farebox.db") == "sqlite:///farebox.db"
    with pytest.raises(InvalidSettings) as refused:
        load_settings({"FAREBOX_DATABASE_URL": "mysql://farebox:s3cret@db/farebox"}, tmp_path)
    assert "s3cret" not in str(refused.value)


def test_what_is_shown_can_be_read_back(tmp_path: Path) -> None:
    write_file(tmp_path, 'trusted_proxies = ["10.0.0.0/8"]\nedge_bind = "[::1]:8402"')
    layers = read_layers({}, tmp_path)
    settings = check_settings(layers)
    assert Settings.model_validate(settings.model_dump(mode="json")) == settings
    assert str(settings.edge_bind) == "[::1]:8402"


def test_every_setting_says_what_it_does() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(Settings(), "workers", 2)  # noqa: B010 -- what mypy would refuse must fail at run time too


def test_the_documented_table_is_what_the_settings_are() -> None:
    page = (Path(__file__).parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in page.splitlines()
        if line.startswith("| `FAREBOX_")
    ]
    documented = {name.strip("`"): (default.strip("`"), meaning) for name, default, meaning in rows}
    assert documented == {
        f"FAREBOX_{name.upper()}": (shown_default(value), Settings.model_fields[name].description)
        for name, value in Settings().model_dump(mode="json").items()
    }


def shown_default(value: object) -> str:
    match value:
        case None:
            return "none"
        case "" | []:
            return "empty"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case _:
            return str(value)
