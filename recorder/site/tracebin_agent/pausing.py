"""Stop taking samples and calls for a while, and note when."""

from __future__ import annotations

from .notes import Notes
from .seldom import seldom, when_needed

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Protocol

    class Pausable(Protocol):
        """What can be stopped for a while."""

        def pause(self) -> None:
            """Stop."""

        def resume(self) -> None:
            """Go on."""


class Pausing:
    """Whether the recording is paused; ``parts`` are what stops then."""

    # Each is an entry of its process's line in the bundle.
    MOST = 100_000

    @seldom
    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.parts: List[Pausable] = []
        self.is_paused = False
        self.left = self.MOST
        self.left_out = 0

    @when_needed
    def pause(self) -> None:
        """Stop, unless that is so already.  What lies between the two notes has no sample and no call."""
        if self.is_paused:
            return
        if not self.left:
            self.left_out += 1
            return
        self.left -= 1
        self.is_paused = True
        for part in self.parts:
            part.pause()
        self.note("paused")

    @when_needed
    def resume(self) -> None:
        """Go on, if it is paused."""
        if not self.is_paused:
            return
        self.is_paused = False
        self.note("resumed")
        for part in self.parts:
            part.resume()

    @when_needed
    def note(self, kind: str) -> None:
        """Note the time of a turn."""
        try:
            self.notes.add(kind, self.notes.now())
        except OSError:
            pass  # the program closed our files or filled the disk; the notes lack more than this

    @seldom
    def stop(self) -> None:
        """Note how many pauses there were too many."""
        if self.left_out:
            self.notes.add("pauses left out", self.left_out)

    @seldom
    def follow(self, notes: Notes) -> None:
        """Go on in a child made by fork, with the notes of its own: it is paused if its parent was."""
        self.notes = notes
        if self.is_paused:
            for part in self.parts:
                part.pause()
            self.note("paused")

    @seldom
    def give_up(self) -> None:
        """Stop and note nothing more: this is a child made by fork that has no notes."""
        self.is_paused = False
        self.left = 0
