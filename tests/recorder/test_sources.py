from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import Any, List

import pytest

from tracebin.bundle.codec import decode_line
from tracebin.bundle.packing import Packed
from tracebin.bundle.records import SourceFile
from tracebin.recorder import sources
from tracebin.recorder.sources import Files, qualname_in

SOURCE = '''\
import functools

class Outer(Base, metaclass=Meta):
    """Text of a class

that stands at the left edge.
    """

    # a comment inside
# a comment at the left edge
    @functools.wraps(
        other
    )
    def method(
        self,
        argument,
    ):
        query = """
select 1
"""
        async def inner(a): return lambda: a

        class Local:
            def deepest(self): pass

    if True:
        def conditional(self): pass

    rows = [
        row for row in ()
]
def plain(): pass

if plain:
    def guarded(): pass
'''.splitlines()


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(SOURCE, 1) if text in line)


@pytest.mark.parametrize(
    ("name", "text", "qualname"),
    [
        ("Outer", "class Outer", "Outer"),
        ("method", "@functools.wraps", "Outer.method"),
        ("method", "def method", "Outer.method"),
        ("inner", "async def inner", "Outer.method.<locals>.inner"),
        ("<lambda>", "async def inner", "Outer.method.<locals>.<lambda>"),
        ("deepest", "def deepest", "Outer.method.<locals>.Local.deepest"),
        ("conditional", "def conditional", "Outer.conditional"),
        ("plain", "def plain", "plain"),
        ("guarded", "def guarded", "guarded"),
    ],
)
def test_a_qualified_name_is_read_from_the_indentation(name: str, text: str, qualname: str) -> None:
    assert qualname_in(SOURCE, name, line_of(text)) == qualname


@pytest.mark.parametrize("line", [-1, 0, 1000])
def test_a_line_the_source_does_not_have_gives_the_name_alone(line: int) -> None:
    assert qualname_in(SOURCE, "f", line) == "f"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path), "/opt/pypy/lib")


def record(files: Files, path: str) -> SourceFile:
    number = files.number(path)
    return files.records()[number]


def test_a_file_has_one_number_however_often_it_is_named(files: Files) -> None:
    assert [files.number(name) for name in ("a.py", "b.py", "a.py")] == [0, 1, 0]


def test_a_relative_name_is_relative_to_where_the_program_started(files: Files, tmp_path: Path) -> None:
    (tmp_path / "prog.py").write_text("x = 1\n")
    found = record(files, "./prog.py")
    assert found == SourceFile(
        str(tmp_path / "prog.py"), "program", "prog", None, "x = 1\n", hashlib.sha256(b"x = 1\n").hexdigest()
    )


def test_modules_are_named_by_their_packages(files: Files, tmp_path: Path) -> None:
    inner = tmp_path / "pkg" / "sub"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").touch()
    (inner / "mod.py").touch()
    found = [record(files, str(inner / name)) for name in ("mod.py", "__init__.py")]
    assert [(file.module, file.package) for file in found] == [
        ("pkg.sub.mod", "pkg.sub"),
        ("pkg.sub", "pkg.sub"),
    ]


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("<builtin>/frozen _structseq", "builtin"),
        ("<builtin>/app_main.py", "builtin"),
        ("<string>", "generated"),
        ("", "generated"),
        ("/opt/pypy/lib/re.py", "stdlib"),
        ("/opt/pypy/lib/site-packages/x.py", "site"),
        ("/usr/lib/python3/dist-packages/x.py", "site"),
        ("/opt/pypy/library.py", "program"),
        ("app_main.py", "program"),
    ],
)
def test_a_file_has_an_origin(files: Files, path: str, origin: str) -> None:
    assert record(files, path).origin == origin


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("# coding: latin-1\nx = 'ü'\n".encode("latin-1"), "# coding: latin-1\nx = 'ü'\n"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        ("x = 'ü'\r\n".encode(), "x = 'ü'\r\n"),
        (b"x = '\xff'\n", None),
        (b"# coding: no-such-thing\n", None),
        (b"", ""),
    ],
)
def test_source_is_decoded_as_python_would(files: Files, tmp_path: Path, data: bytes, text: Any) -> None:
    (tmp_path / "prog.py").write_bytes(data)
    found = record(files, "prog.py")
    assert (found.text, found.left_out) == (text, "unreadable" if text is None else None)
    assert found.sha256 == hashlib.sha256(data).hexdigest()


def test_without_text_the_sum_stays(tmp_path: Path) -> None:
    (tmp_path / "prog.py").write_bytes(b"x = 1\n")
    found = record(Files(str(tmp_path), "/lib", kept="none"), "prog.py")
    assert (found.text, found.left_out) == (None, "asked")
    assert found.sha256 == hashlib.sha256(b"x = 1\n").hexdigest()


def test_what_cannot_be_read_is_told(files: Files, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sources, "MAX_SOURCE_BYTES", 3)
    (tmp_path / "big.py").write_bytes(b"1234")
    for name in ("gone.py", "big.py", "a\0b.py"):
        files.number(name)
    assert [(found.text, found.left_out) for found in files.records()] == [(None, "unreadable")] * 3
    assert files.unreadable == [str(tmp_path / name) for name in ("gone.py", "big.py", "a\0b.py")]


@pytest.fixture
def library(tmp_path: Path) -> Files:
    """Files that keep text where it is used: a library's modules a to d, and a program beside it."""
    lib = tmp_path / "lib"
    (lib / "site-packages").mkdir(parents=True)
    for name in ("lib/a.py", "lib/b.py", "lib/c.py", "lib/d.py", "lib/site-packages/e.py", "prog.py"):
        (tmp_path / name).write_text(f"# {name}\n")
    return Files(str(tmp_path), str(lib), kept="used")


def test_text_of_the_standard_library_is_kept_where_it_is_used(library: Files) -> None:
    for name in ("lib/a.py", "lib/b.py", "lib/site-packages/e.py", "prog.py", "<string>"):
        library.number(name)
    library.use("lib/./b.py")
    found = [(record.text, record.left_out) for record in library.records()]
    kept = [(f"# {name}\n", None) for name in ("lib/b.py", "lib/site-packages/e.py", "prog.py")]
    assert found == [(None, "unused"), *kept, (None, None)]
    assert all(record.sha256 for record in library.records()[:4])


def test_what_is_compressed_ahead_stands_in_its_place(library: Files) -> None:
    # GIVEN files of which some are known to be used when they are met, and others later or never
    order = ["lib/a.py", "prog.py", "lib/b.py", "lib/c.py", "lib/site-packages/e.py", "lib/d.py"]
    for name in order[:5]:
        library.number(name)
    library.use("lib/b.py")
    while library.advance():
        pass
    # WHEN more comes
    library.number(order[5])
    library.use("lib/c.py")
    # THEN pieces and records together are all files, in order
    entries = list(library.entries())
    kinds = [type(entry) for entry in entries]
    assert kinds == [SourceFile, Packed, SourceFile, Packed, SourceFile]
    assert lines_of(entries) == library.records()
    texts = [record.text is not None for record in library.records()]
    assert texts == [False, True, True, True, True, False]


def lines_of(entries: List[Any]) -> List[SourceFile]:
    found: List[SourceFile] = []
    for entry in entries:
        if isinstance(entry, Packed):
            text = zlib.decompressobj(-zlib.MAX_WBITS).decompress(entry.data)
            found += [decode_line(SourceFile, line) for line in text.split(b",\n")]
        else:
            found.append(entry)
    return found
