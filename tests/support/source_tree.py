"""The repository as data, for the tests that keep the house in order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("edge", "publisher_dashboard")
# Beside dot folders (environments and caches): what builds and runs leave behind.
NOT_SOURCE = {"node_modules", "build", "dist", "__pycache__", "htmlcov", "farebox-data"}


@dataclass(frozen=True)
class Module:
    """One Python file: its dotted name and its syntax tree."""

    path: Path

    @property
    def place(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def name(self) -> str:
        return self.place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"), filename=self.place)

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield line and dotted name of everything imported, wherever in the file; `TYPE_CHECKING` counts too."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names):
                    yield from ((node.lineno, alias.name) for alias in names)
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)
                case ast.ImportFrom():
                    yield node.lineno, f"{self.name}.<relative import>"
                case _:
                    pass

    def runs_at_import(self) -> Iterator[ast.AST]:
        """Yield every node that is executed when the module is imported: not the bodies of functions."""
        waiting: list[ast.AST] = list(self.tree.body)
        while waiting:
            node = waiting.pop()
            yield node
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                waiting += [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
            elif isinstance(node, ast.Lambda) or _is_main_guard(node):
                continue
            else:
                waiting += ast.iter_child_nodes(node)


def _is_main_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def modules(*folders: str) -> list[Module]:
    """Every Python file under these top-level folders, in order."""
    return [Module(path) for path in files(".py") if path.relative_to(ROOT).parts[0] in folders]


def files(*endings: str) -> list[Path]:
    """Every file of the repository, or those with one of these endings; no tool but Python is needed to find them."""
    return sorted(path for path in _walk(ROOT) if not endings or path.name.endswith(endings))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir():
            hidden = path.name.startswith(".") and path.name != ".ci"
            if not hidden and path.name not in NOT_SOURCE:
                yield from _walk(path)
        else:
            yield path
