"""Write a bundle in one pass: the keys in order, in each list one element per line."""

from __future__ import annotations

from typing import Any, BinaryIO, Union

from tracebin.bundle.codec import encode_line
from tracebin.bundle.packing import Created, GzipFile, Packed
from tracebin.bundle.records import FORMAT, SECTIONS, VERSION, Bundle, Run

_KEYS = list(SECTIONS)


class BundleWriter:
    """A bundle being written to ``out``; elements come in the order of ``SECTIONS``.

    ``coverage`` is null unless :meth:`open_section` is called for it.
    """

    def __init__(self, out: Union[BinaryIO, Created], run: Run) -> None:
        self._out = out
        self._at = -1
        self._rows = 0
        self._null = False
        head = b'{\n"format": "%s",\n"version": %d,\n"run": %s' % (FORMAT.encode(), VERSION, encode_line(run))
        out.write(head)

    def add(self, key: str, record: Any) -> None:
        """Write ``record`` as the next element of ``key``."""
        self.add_line(key, encode_line(record))

    def add_line(self, key: str, line: bytes) -> None:
        """Write an element that is encoded already."""
        self.open_section(key)
        self._out.write(b",\n" if self._rows else b"\n")
        self._out.write(line)
        self._rows += 1

    def add_packed(self, key: str, packed: Packed) -> None:
        """Write elements that are compressed already, with what parts them; ``out`` is a GzipFile."""
        self.open_section(key)
        self._out.write(b",\n" if self._rows else b"\n")
        assert isinstance(self._out, GzipFile)
        self._out.write_packed(packed)
        self._rows += 1

    def open_section(self, key: str) -> None:
        """Go on to ``key``, leaving the lists between empty."""
        target = _KEYS.index(key)
        if target < self._at:
            raise ValueError(f"{key} comes before {_KEYS[self._at]}")
        while self._at < target:
            self._close_section()
            self._at += 1
            self._open(null=_KEYS[self._at] == "coverage" and self._at < target)

    def close(self) -> None:
        """Write what is left of the frame; ``out`` stays open."""
        self.open_section(_KEYS[-1])
        self._close_section()
        self._out.write(b"\n}\n")

    def _open(self, *, null: bool) -> None:
        self._null = null
        self._out.write(b',\n"%s": %s' % (_KEYS[self._at].encode(), b"null" if null else b"["))
        self._rows = 0

    def _close_section(self) -> None:
        if self._at >= 0 and not self._null:
            self._out.write(b"\n]")


def write_bundle(out: Union[BinaryIO, Created], bundle: Bundle) -> None:
    """Write a whole bundle to ``out``; no coverage and coverage of no file are the same."""
    writer = BundleWriter(out, bundle.run)
    for key in _KEYS:
        for record in getattr(bundle, key) or ():
            writer.add(key, record)
    writer.close()
