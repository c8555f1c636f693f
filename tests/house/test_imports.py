"""The floors of docs/architecture.md: arrows go down only, and importing does nothing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.support.source_tree import PACKAGES, ROOT, Module, modules

# What each floor may import besides the standard library. A prefix stands for everything under it; `edge` alone
# is the empty top of the package.
FLOORS: dict[str, set[str]] = {
    "edge.core": {
        "edge.core",
        *{"cryptography", "nacl", "http_sf", "orjson", "urlpattern", "crawleruseragents", "user_agents"},
        "standardwebhooks",
    },
    "edge.store": {
        *{"edge.core", "edge.store"},
        *{"alembic", "argon2", "cryptography", "orjson", "psycopg", "pysqlite3", "sqlalchemy", "structlog"},
    },
    "edge.files": {"edge.core", "edge.files"},
    "edge.setting_values": {"pydantic"},
    "edge.settings": {"edge.core", "edge.setting_values", "pydantic", "pydantic_settings"},
    "edge.proxy": {
        *{"edge.core", "edge.store", "edge.proxy", "edge.settings", "edge.setting_values"},
        *{"fastapi", "starlette", "pydantic", "uvicorn", "httptools", "uvloop", "aiohttp", "multidict", "yarl"},
        *{"httpx2", "http_sf", "cryptography", "orjson", "prometheus_client", "structlog", "jinja2"},
    },
    "edge.client": {
        *{"edge.core", "edge.client"},
        *{"httpx2", "typer", "rich", "cryptography", "orjson", "http_sf", "protego"},
        # Each by the adapter to it, and by nothing else.
        *{"aiohttp", "requests", "urllib3", "scrapy", "twisted", "playwright"},
    },
    "edge.cli": {"edge", *{"typer", "rich", "httpx2", "uvicorn", "aiohttp", "alembic", "structlog", "orjson"}}
    | {"publisher_dashboard", "cryptography", "pydantic", "pydantic_settings", "sqlalchemy", "click", "argon2", "dns"},
    "publisher_dashboard": {
        *{"edge.core", "edge.files", "edge.store", "edge.settings", "publisher_dashboard"},
        *{
            "fastapi",
            "starlette",
            "pydantic",
            "python_multipart",
            "jinja2",
            "markupsafe",
            "babel",
            "argon2",
            "webauthn",
            "segno",
        },
        *{"orjson", "structlog", "prometheus_client"},
    },
}

# Modules that need an extra, and its name.
ADAPTERS = {
    "edge.client.requests_adapter": "requests",
    "edge.client.scrapy_addon": "scrapy",
    "edge.client.playwright_route": "playwright",
}

# The core is a function of its arguments: none of these can be reached from it.
NOT_IN_CORE = {
    *{"socket", "ssl", "select", "selectors", "asyncio", "http.client", "urllib.request", "subprocess", "sqlite3"},
    *{"os", "time", "logging", "multiprocessing", "signal", "tempfile"},
}

# Called while a module is imported, these open, read or start something.
NOT_AT_IMPORT = {
    *{"create_engine", "FastAPI", "Starlette", "Settings", "open", "read_text", "read_bytes", "socket", "connect"},
    *{"getenv", "ClientSession", "Client", "AsyncClient", "Thread", "Popen", "run", "now", "utcnow", "getLogger"},
}

# Run in a fresh interpreter: fails when importing the modules named on the command line has an effect.
IMPORT_QUIETLY = """
import importlib, os, sys, threading

WATCHED = {"socket.bind", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.fork", "sqlite3.connect"}

def watch(event, arguments):
    if event in WATCHED:
        raise SystemExit(f"{importing}: {event} while it is imported")

class Environment(dict):
    def _refuse(self, name):
        if isinstance(name, str) and name.startswith("FAREBOX_"):
            raise SystemExit(f"{importing}: reads {name} while it is imported")
    def __getitem__(self, name):
        self._refuse(name)
        return super().__getitem__(name)
    def get(self, name, default=None):
        self._refuse(name)
        return super().get(name, default)

os.environ = Environment(os.environ)
sys.addaudithook(watch)
for importing in sys.argv[1:]:
    importlib.import_module(importing)
    if threading.active_count() > 1:
        raise SystemExit(f"{importing}: starts a thread while it is imported")
"""


def floor_of(name: str) -> str | None:
    """The floor a module belongs to: the longest of FLOORS that its name starts with."""
    return max((floor for floor in FLOORS if starts_with(name, floor)), key=len, default=None)


def starts_with(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def is_standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


def forbidden_imports(module: Module) -> list[str]:
    floor = floor_of(module.name)
    assert floor is not None, f"{module.place}: give this module a floor in {__file__}"
    allowed = FLOORS[floor]
    return [
        f"{module.place}:{line}: {floor} may not import {name}"
        for line, name in module.imports()
        if not is_standard(name) and not any(starts_with(name, prefix) for prefix in allowed)
    ]


def source_of_the_product() -> list[Module]:
    return [module for module in modules(*PACKAGES) if module.name != "edge"]


def test_the_core_exists() -> None:
    """Everything below would pass on an empty tree."""
    assert len([module for module in modules("edge") if starts_with(module.name, "edge.core")]) > 5


def test_each_floor_imports_only_what_lies_below_it() -> None:
    broken = [line for module in source_of_the_product() for line in forbidden_imports(module)]
    assert not broken, "\n".join(broken)


def test_a_step_up_is_found() -> None:
    module = next(module for module in modules("edge") if module.name == "edge.core.money")
    planted = Module(module.path)
    planted.__dict__["tree"] = ast.parse("from edge.store import charges\nimport fastapi\nimport decimal")
    assert [line.rpartition(" ")[2] for line in forbidden_imports(planted)] == ["edge.store.charges", "fastapi"]


def test_edge_and_dashboard_do_not_know_each_other() -> None:
    for floor, other in (("edge.proxy", "publisher_dashboard"), ("publisher_dashboard", "edge.proxy")):
        assert not any(starts_with(allowed, other) or starts_with(other, allowed) for allowed in FLOORS[floor])


def test_the_top_package_and_the_core_package_import_nothing() -> None:
    for module in modules("edge"):
        if module.name in ("edge", "edge.core"):
            imported = [name for _, name in module.imports() if not name.startswith("__future__")]
            assert not imported, f"{module.place} imports {imported}"


def test_nothing_imports_tests_or_migrations() -> None:
    outside = ("tests", "migrations", "benchmarks", "examples", "scripts")
    for module in modules(*PACKAGES):
        for line, name in module.imports():
            assert name.partition(".")[0] not in outside, f"{module.place}:{line}: imports {name}"


def test_the_core_reaches_no_socket_clock_environment_or_log() -> None:
    for module in modules("edge"):
        if not starts_with(module.name, "edge.core"):
            continue
        for line, name in module.imports():
            reached = [banned for banned in NOT_IN_CORE if starts_with(name, banned)]
            assert not reached, f"{module.place}:{line}: the core may not import {name}"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                raise AssertionError(f"{module.place}:{node.lineno}: the core never awaits")
            if isinstance(node, ast.Call) and called_name(node) in ("now", "utcnow", "today"):
                raise AssertionError(f"{module.place}:{node.lineno}: the core is told what time it is")


def called_name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def test_nothing_is_built_at_import() -> None:
    for module in modules(*PACKAGES, "migrations"):
        if module.name == "migrations.env":
            continue  # Alembic runs this file by importing it
        for node in module.runs_at_import():
            if isinstance(node, ast.Call) and called_name(node) in NOT_AT_IMPORT:
                raise AssertionError(f"{module.place}:{node.lineno}: calls {called_name(node)}() when imported")
            if isinstance(node, ast.Attribute) and node.attr == "environ":
                raise AssertionError(f"{module.place}:{node.lineno}: reads the environment when imported")


def test_importing_has_no_effect() -> None:
    # An adapter's own library may do what it likes: urllib3 binds a socket to see whether there is IPv6.
    ours = [module.name for module in modules(*PACKAGES) if module.name not in ADAPTERS]
    names = [name for name in ours if not name.endswith("__main__")]
    in_fresh_interpreter(IMPORT_QUIETLY, *names)


@pytest.mark.parametrize("statement", ["import socket; socket.socket().bind(('127.0.0.1', 0))", "import os"])
def test_an_effect_of_an_import_is_noticed(statement: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("planted")
    reads = "\nos.environ.get('FAREBOX_DEV')" if statement == "import os" else ""
    (folder / "planted.py").write_text(statement + reads)
    with pytest.raises(AssertionError, match="while it is imported"):
        in_fresh_interpreter(f"import sys; sys.path.insert(0, {str(folder)!r})\n{IMPORT_QUIETLY}", "planted")


def test_the_client_starts_without_the_server() -> None:
    loaded = in_fresh_interpreter(
        "import sys, edge.client, edge.client.cli; [getattr(edge.client, name) for name in edge.client.__all__];"
        " print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ).split()
    assert {"edge", "httpx2"} <= set(loaded)
    too_much = {"fastapi", "starlette", "sqlalchemy", "alembic", "uvicorn", "aiohttp", "user_agents", "jinja2"}
    not_asked_for = {"requests", "scrapy", "twisted", "playwright"}
    assert not (too_much | not_asked_for).intersection(loaded)


def test_the_clients_package_loads_nothing_until_it_is_used() -> None:
    """The time that `import edge.client` takes is that of what it loads."""
    program = "import sys; before = set(sys.modules); import edge.client; print(*sorted(set(sys.modules) - before))"
    loaded = in_fresh_interpreter(program).split()
    outside = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert outside == {"edge"}
    assert not {"ssl", "socket", "sqlite3", "asyncio"}.intersection(loaded)


def test_what_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {distribution_name(requirement) for requirement in project["dependencies"]}
    extras = project["optional-dependencies"]
    known = packages_distributions()
    undeclared = set()
    for module in modules(*PACKAGES):
        for line, name in module.imports():
            top = name.partition(".")[0]
            owners = {normalised(owner) for owner in known.get(top, [])}
            extra = ADAPTERS.get(module.name)
            allowed = declared | {distribution_name(requirement) for requirement in extras.get(extra, ())}
            # urllib3 is what requests is made of, Twisted what Scrapy is.
            if extra is not None and top in ("urllib3", "twisted"):
                continue
            if top not in PACKAGES and not is_standard(top) and not owners & allowed:
                undeclared.add(f"{module.place}:{line}: {top} is imported but not in pyproject.toml")
    assert not undeclared, "\n".join(sorted(undeclared))


def test_what_is_loaded_when_a_file_is_made_is_in_the_extra() -> None:
    """`edge.files` names its libraries in calls, not in imports, so that the rest runs without them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = {distribution_name(requirement) for requirement in project["optional-dependencies"]["reports"]}
    known = packages_distributions()
    texts = [module.path.read_text(encoding="utf-8") for module in modules("edge") if "edge.files" in module.name]
    loaded = {name for text in texts for name in re.findall(r'\blibrary\("(\w+)"', text)}
    assert {"duckdb", "fpdf", "xlsxwriter"} <= loaded
    assert {name for name in loaded if not {normalised(owner) for owner in known[name]} & extra} == set()


def distribution_name(requirement: str) -> str:
    end = next((i for i, char in enumerate(requirement) if char in " <>=!~[;"), len(requirement))
    return normalised(requirement[:end])


def normalised(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def in_fresh_interpreter(program: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
