"""Show how far a long step is, on a terminal's last line, and leave nothing behind."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import Any, Callable, Iterator

Report = Callable[[int, int], None]


@contextmanager
def progress_line(title: str, from_bytes: int, quiet: bool) -> Iterator[Report]:
    """Give a function to call with bytes done and total.

    Nothing is shown below ``from_bytes`` in all, with ``quiet``, or where stderr is no terminal.
    """
    is_wanted = not quiet and sys.stderr.isatty()
    bar: Any = None

    def report(done: int, total: int) -> None:
        nonlocal bar
        # Begun late: the bar has a thread, which must not be there while a program's signals are relayed.
        if bar is None and is_wanted and total >= from_bytes:
            bar = _begun(title)
        if bar is not None:
            bar.update(bar.task_ids[0], completed=done, total=total)

    try:
        yield report
    finally:
        if bar is not None:
            bar.stop()


def _begun(title: str) -> Any:
    # Most recordings are short and show no bar: rich would be a fifth of the launcher's time, 0.05 s.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task(title)
    bar.start()
    return bar
