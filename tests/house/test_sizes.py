"""Files stay small, names say what is in them, and nothing of one machine is committed."""

from __future__ import annotations

import re

from tests.support.source_tree import ROOT, Module, files, modules

LONGEST_FILE_LINES = 400
REASON_WITHIN_LINES = 15
EMPTY_NAMES = re.compile(r"(^|_)(utils?|helpers?|managers?|services?|common|misc|stuff)$")
CODE = ("edge", "publisher_dashboard", "migrations", "tests", "benchmarks", "examples", "scripts")
TEXTS = (".py", ".toml", ".md", ".yaml", ".yml", ".lock", ".cfg", ".ini", ".sh", ".html", ".css", ".js", ".conf")
NAMED_TEXTS = ("Makefile", "Containerfile", "Caddyfile", ".gitignore", "run", "lock", "ensure_programs", "in_memory")

# Written in pieces, so that this file does not find itself.
REGISTRIES = re.compile("|".join((r"pypi\." + "org", "pythonhosted" + r"\.org", r"registry\.npmjs" + r"\.org")))
MACHINE_PATHS = re.compile(r"(?<![\w.*}/-])/(?:" + "|".join(("root", "home", "Users", "work", "builds")) + r")/[\w.]")
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
PUT_OFF = re.compile(r"mark\." + r"(?:skip|skipif|xfail)\b|pytest\." + r"(?:skip|xfail|importorskip)\(")


def test_no_file_is_long_without_a_reason() -> None:
    long = [module.place for module in modules(*CODE) if too_long(module.path.read_text(encoding="utf-8"))]
    assert not long, f"over {LONGEST_FILE_LINES} lines; split, or say why near the top with `# long: reason`: {long}"


def too_long(text: str) -> bool:
    lines = text.splitlines()
    reasons = [line for line in lines[:REASON_WITHIN_LINES] if re.match(r"# long: \w+", line)]
    return len(lines) > LONGEST_FILE_LINES and not reasons


def test_a_reason_excuses_a_long_file_and_nothing_else_does() -> None:
    body = "x = 1\n" * (LONGEST_FILE_LINES + 1)
    assert too_long(body)
    assert too_long("# long:\n" + body)
    assert too_long(body + "# long: a table that is read as one\n")
    assert not too_long("# long: a table that is read as one\n" + body)
    assert not too_long("x = 1\n" * LONGEST_FILE_LINES)


def test_no_module_has_an_empty_name() -> None:
    for module in modules(*CODE):
        for word in module.name.split("."):
            assert not EMPTY_NAMES.search(word), f"{module.place}: `{word}` does not say what is in it"


def test_test_folders_are_not_packages_and_shadow_none() -> None:
    for module in modules("tests"):
        assert module.path.name != "__init__.py", f"{module.place}: tests are not a package"
        folders = module.path.relative_to(ROOT).parts[1:-1]
        assert not {"edge", "publisher_dashboard"}.intersection(folders), f"{module.place}: shadows a package"


def test_test_files_are_named_once_per_folder_and_hold_tests() -> None:
    for module in modules("tests"):
        if module.path.name.startswith("test_"):
            assert re.search(r"^(async )?def test_|^class \w*Test|^\w+ = \w+\.TestCase", source(module), re.M), (
                f"{module.place}: holds no test"
            )


def test_no_registry_host_or_machine_path_is_committed() -> None:
    of_one_machine = (REGISTRIES, MACHINE_PATHS, re.compile(re.escape(str(ROOT) + "/")))
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in files()
        if path.name.endswith(TEXTS) or path.name in NAMED_TEXTS
        for pattern in of_one_machine
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_nothing_unfinished_is_committed() -> None:
    found = [
        f"{module.place}: {match.group()}"
        for module in modules(*CODE)
        for pattern in (UNFINISHED, PUT_OFF)
        for match in pattern.finditer(source(module))
    ]
    assert not found, "\n".join(found)


def source(module: Module) -> str:
    return module.path.read_text(encoding="utf-8")
