"""Show how far a long step is, on a terminal's last line, and leave nothing behind."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

Report = Callable[[int, int], None]


@contextmanager
def progress_line(title: str, from_bytes: int, quiet: bool) -> Iterator[Report]:
    """Give a function to call with bytes done and total.

    Nothing is shown below ``from_bytes`` in all, with ``quiet``, or where stderr is no terminal.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    bar = Progress(*columns, console=console, transient=True, disable=quiet or not sys.stderr.isatty())
    task = bar.add_task(title)

    def report(done: int, total: int) -> None:
        # Begun late: the bar has a thread, which must not be there while a program's signals are relayed.
        if total >= from_bytes:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield report
    finally:
        bar.stop()
