from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

import pytest

from tracebin.recorder.module_names import frozen_source, module_of
from tracebin.recorder.sources import Files


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A standard library with an ``__init__.py`` of its own, as Debian's PyPy has it."""
    for name in ("__init__.py", "posixpath.py", "json/__init__.py", "json/decoder.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "importlib").mkdir()
    (tmp_path / "importlib/__init__.py").write_text("")
    (tmp_path / "importlib/_bootstrap.py").write_text("class Lock:\n    def acquire(self): pass\n")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "module", "package"),
    [
        ("posixpath.py", "posixpath", None),
        ("json/decoder.py", "json.decoder", "json"),
        ("json/__init__.py", "json", "json"),
        ("data.txt", None, None),
    ],
)
def test_the_standard_library_is_no_package(
    library: Path, file: str, module: Optional[str], package: Optional[str]
) -> None:
    assert module_of(str(library / file), (f"{library}/",)) == (module, package)


def test_elsewhere_each_folder_with_an_init_is_a_package(library: Path) -> None:
    assert module_of(str(library / "json/decoder.py"), ()) == (
        f"{library.name}.json.decoder",
        f"{library.name}.json",
    )


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("<frozen importlib._bootstrap>", "importlib/_bootstrap.py"),
        ("<builtin>/frozen importlib._bootstrap", "importlib/_bootstrap.py"),
        ("<frozen json>", "json/__init__.py"),
        ("<frozen zipimport>", None),
        ("<frozen posixpath", None),
        ("<frozen /etc/passwd>", None),
        ("<string>", None),
    ],
)
def test_a_frozen_module_has_its_source_in_the_library(
    library: Path, path: str, inside: Optional[str]
) -> None:
    stdlibs: Tuple[str, ...] = ("/nowhere/", f"{library}/")
    assert frozen_source(path, stdlibs) == (f"{library}/{inside}" if inside else None)


def test_files_tell_of_frozen_code_as_of_its_source(library: Path) -> None:
    files = Files(str(library), str(library))
    path = files.frozen("<frozen importlib._bootstrap>")
    assert path is not None
    files.number(path)
    (record,) = files.records()
    assert (record.origin, record.module, record.package) == (
        "stdlib",
        "importlib._bootstrap",
        "importlib",
    )
    assert files.qualname(path, "acquire", 2) == "Lock.acquire"
