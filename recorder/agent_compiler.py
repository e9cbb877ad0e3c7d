"""Compile the agent into one file, in the PyPy that is going to run it (agent_pack.py starts this).

What only readers and type checkers need is left out, and no module has to import another: of 23 million
instructions that an agent took at its start, 6 were importlib's, for the agent's own modules.
"""

from __future__ import annotations

import ast
import marshal
import os
import sys
from types import CodeType
from typing import Any, List, Set, Tuple

# A name, the module it is taken from, and its name there.
Given = Tuple[str, str, str]
# A module, its code, and what it is given before that runs.
Row = Tuple[str, CodeType, List[Given]]
# What makes and starts the agent, beside the package.
STARTING = "tracebin_starting.py"
# What takes the place of marked functions, its module, and whether it keeps what it makes, by the marks.
SLEEPING, SLEEPING_MODULE = "Sleeping", "sleeping"
MARKS = {"seldom": False, "when_needed": True}
# The other mark that such a function may have.
HIDDEN = "hidden"
# Without asserts and docstrings.
OPTIMIZED = 2


def compile_agent(folder: str, package: str, out: str) -> None:
    """Write ``sys.version``, a 0, and the code of tracebin_starting.py with the rows of a package's modules.

    site/sitecustomize.py reads it.  Each row is behind those it takes names from; modules that are imported
    later than at the start are left out, and functions with a mark of tracebin_agent/seldom.py are
    bytes in it.  Raises OSError and SyntaxError.
    """
    compiler = AgentCompiler(folder, package)
    compiler.add("__init__")
    starting = os.path.join(folder, STARTING)
    data = marshal.dumps((_compiled(_parsed(starting), starting), compiler.rows))
    with open(out, "wb") as stream:
        stream.write(sys.version.encode() + b"\0" + data)
        stream.flush()
        os.fsync(stream.fileno())


class AgentCompiler:
    """The modules of a package that import each other, and what has been made of them."""

    def __init__(self, folder: str, package: str) -> None:
        self.folder = folder
        self.package = package
        self.rows: List[Row] = []
        self._seen: Set[str] = set()

    def add(self, module: str) -> None:
        """Compile a module, after those it imports at its top."""
        self._seen.add(module)
        path = os.path.join(self.folder, self.package, f"{module}.py")
        tree = _parsed(path)
        given = self._take_imports(tree)
        asleep = _Asleep(path)
        tree = asleep.visit(tree)
        if asleep.has_any:
            given.append(self._given_sleeping())
        self.rows.append((self._name(module), _compiled(tree, path), given))

    def _given_sleeping(self) -> Given:
        if SLEEPING_MODULE not in self._seen:
            self.add(SLEEPING_MODULE)
        return (SLEEPING, self._name(SLEEPING_MODULE), SLEEPING)

    def _name(self, module: str) -> str:
        return self.package if module == "__init__" else f"{self.package}.{module}"

    def _take_imports(self, tree: ast.Module) -> List[Given]:
        """Take the imports of the package's own modules, and of the future's, out of a module's top."""
        given: List[Given] = []
        rest: List[ast.stmt] = []
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
                if node.module not in self._seen:
                    self.add(node.module)
                source = self._name(node.module)
                given += [(name.asname or name.name, source, name.name) for name in node.names]
            elif not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                rest.append(node)
        tree.body = rest
        return given


def _parsed(path: str) -> ast.Module:
    with open(path, "rb") as stream:
        return ast.parse(stream.read(), path)


def _compiled(tree: ast.Module, path: str) -> CodeType:
    bare = ast.fix_missing_locations(_Bare().visit(tree))
    code: CodeType = compile(bare, path, "exec", dont_inherit=True, optimize=OPTIMIZED)
    return code


class _Asleep(ast.NodeTransformer):
    """Put bytes in the place of functions that are marked so."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.has_any = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Give what makes a sleeping function; one within another is not looked at."""
        marks = [mark for mark in MARKS for each in node.decorator_list if _is(each, mark)]
        if not marks:
            return node
        self.has_any = True
        facts = f"{node.name!r}, {self._bytes(node)!r}, globals(), {MARKS[marks[0]]}"
        return ast.copy_location(ast.parse(f"{node.name} = {SLEEPING}({facts})").body[0], node)

    def _bytes(self, node: ast.FunctionDef) -> bytes:
        """Give what the function is made of: code, defaults, which are literals, and whether it is hidden.

        Raises SyntaxError where it is made of more: that would be lost.
        """
        others = [
            each for each in node.decorator_list if not any(_is(each, mark) for mark in (*MARKS, HIDDEN))
        ]
        if others or any(node.args.kw_defaults):
            raise SyntaxError(
                f"{self.path}, line {node.lineno}: {node.name} has more than can be kept as bytes"
            )
        is_hidden = any(_is(each, HIDDEN) for each in node.decorator_list)
        node.decorator_list = []
        defaults = tuple(map(ast.literal_eval, node.args.defaults))
        module = _compiled(ast.Module([node], []), self.path)
        code = next(each for each in module.co_consts if isinstance(each, CodeType))
        return marshal.dumps((code, defaults, is_hidden))


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


class _Bare(ast.NodeTransformer):
    """Leave annotations out, and what ``if TYPE_CHECKING`` has."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], self.visit(node.value)), node)

    def visit_If(self, node: ast.If) -> Any:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return [self.visit(each) for each in node.orelse]
        return self.generic_visit(node)
