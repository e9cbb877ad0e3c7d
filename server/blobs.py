"""Keep blobs: bytes under the SHA-256 of their content, whole or not at all.

A blob is written to a part file, synced, then renamed into place, so that a crash
at any moment leaves a whole blob or a part file.  A part is locked by the process
that writes it; a part without a lock is garbage.  :class:`BlobStore` is what another
store (S3) has to offer.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import AbstractSet, BinaryIO, Iterator, Protocol

from tracebin.errors import ConfigurationError, StorageUnavailable

try:
    import fcntl
except ImportError:  # Windows, which lets nobody delete an open file: a lock of its own kind
    fcntl = None  # type: ignore[assignment]

_KEY = re.compile(r"[0-9a-f]{64}\Z")
PART = ".part"


class Part(Protocol):
    """A blob being written; discarded at the end unless kept."""

    @property
    def size(self) -> int:
        """Bytes written so far."""

    @property
    def key(self) -> str:
        """The key it would have now."""

    def write(self, data: bytes) -> None:
        """Append ``data``."""

    def reopen(self) -> BinaryIO:
        """Open what has been written so far for reading."""

    def keep(self) -> None:
        """Make it a blob for good, under its key."""


class BlobStore(Protocol):
    """What the server asks of a store."""

    def stage(self) -> _PartContext:
        """Begin a blob."""

    def open(self, key: str) -> BinaryIO:
        """Open a blob."""

    def delete(self, key: str) -> None:
        """Remove a blob; fine if it is gone."""

    def sweep(self, used: AbstractSet[str]) -> int:
        """Remove what no live process writes and ``used`` doesn't name; say how many."""

    def free_bytes(self) -> int:
        """Say how much can still be written."""

    def check(self) -> None:
        """Try whether it works."""


class _PartContext(Protocol):
    def __enter__(self) -> Part: ...

    def __exit__(self, *fault: object) -> object: ...


@contextmanager
def _as_storage_error(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        full = fault.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else os.strerror(fault.errno or 0)
        raise StorageUnavailable(f"the server's blob folder failed while {doing}: {why}") from fault


class FolderPart:
    """A part file in a :class:`BlobFolder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / (secrets.token_hex(16) + PART)
        self._digest = hashlib.sha256()
        self._kept = False
        self.size = 0
        with _as_storage_error("creating a blob"):
            self._file = self._path.open("xb")
            _lock(self._file)

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        with _as_storage_error("writing a blob"):
            self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def reopen(self) -> BinaryIO:
        """Open what has been written so far for reading."""
        with _as_storage_error("reading a blob"):
            self._file.flush()
            return self._path.open("rb")

    @property
    def key(self) -> str:
        """The key it would have now."""
        return self._digest.hexdigest()

    def keep(self) -> None:
        """Make it a blob for good, under its key."""
        with _as_storage_error("keeping a blob"):
            self._file.flush()
            os.fsync(self._file.fileno())
            target = _place(self._folder, self.key)
            target.parent.mkdir(exist_ok=True)
            os.replace(self._path, target)
            _sync_folder(target.parent)
            _sync_folder(self._folder)
        self._kept = True

    def __enter__(self) -> FolderPart:
        return self

    def __exit__(self, *fault: object) -> None:
        if not self._kept:
            self._path.unlink(missing_ok=True)
        # Closed after the unlink: the lock goes with it, and a sweeper may look in between.
        _close_quietly(self._file)


class BlobFolder:
    """Blobs as files: ``ab/abcd...`` for the key ``abcd...``, parts beside the folders.

    Raises:
        ConfigurationError: the folder can't be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as fault:
            raise ConfigurationError(
                f"TRACEBIN_DATA: the folder {folder} can't be made: {fault.strerror}"
            ) from None

    def stage(self) -> FolderPart:
        """Begin a blob."""
        return FolderPart(self._folder)

    def open(self, key: str) -> BinaryIO:
        """Open a blob."""
        with _as_storage_error("reading a blob"):
            return _place(self._folder, key).open("rb")

    def delete(self, key: str) -> None:
        """Remove a blob; fine if it is gone."""
        with _as_storage_error("deleting a blob"):
            _place(self._folder, key).unlink(missing_ok=True)

    def sweep(self, used: AbstractSet[str]) -> int:
        """Remove parts nobody writes and blobs that ``used`` doesn't name; say how many."""
        parts = [path for path in self._folder.glob("*" + PART) if _is_abandoned(path)]
        blobs = [
            path for path in self._folder.glob("??/*") if _KEY.match(path.name) and path.name not in used
        ]
        with _as_storage_error("sweeping"):
            for path in parts + blobs:
                path.unlink(missing_ok=True)
        return len(parts) + len(blobs)

    def free_bytes(self) -> int:
        """Say how much can still be written."""
        with _as_storage_error("asking for free space"):
            return shutil.disk_usage(self._folder).free

    def check(self) -> None:
        """Write a part and discard it.

        Raises:
            StorageUnavailable: the folder takes nothing.
        """
        with self.stage() as part:
            part.write(b"?")


def _place(folder: Path, key: str) -> Path:
    if not _KEY.match(key):
        raise ValueError(f"{key!r} is no blob's key")
    return folder / key[:2] / key


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lock(file: BinaryIO) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_abandoned(path: Path) -> bool:
    """Say whether no live process holds the part at ``path``."""
    try:
        with path.open("rb") as file:
            _lock(file)
    except OSError:  # locked, or gone meanwhile
        return False
    return True


def _close_quietly(file: BinaryIO) -> None:
    # The last buffer may not fit: the part is discarded then, or keep() has said so.
    with suppress(OSError):
        file.close()
