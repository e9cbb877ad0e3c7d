"""Hear of each trace that PyPy compiles, and keep the code objects of loops."""

from __future__ import annotations

from .notes import Notes
from .seldom import seldom

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Dict, List

    from .agent import Agent


class Compiling:
    """The compile hook; it listens to the starts and ends of threads."""

    @seldom
    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.notes: Notes = agent.notes
        self.is_wanted = agent.settings["hooks"]
        self.has_any = False
        self.codes: Dict[int, CodeType] = {}
        # Traces that were compiled while there were several threads, and have not been looked at yet.
        self.waiting: List[Any] = []

    @seldom
    def watch(self) -> None:
        """Have PyPy tell us of each trace it compiles."""
        import pypyjit

        if self.is_wanted:
            # Without the ops: to wrap each one for us cost pyperformance's go 18 % of its time.
            pypyjit.set_compile_hook(self.on_compile, False)

    @seldom
    def follow(self, notes: Notes) -> None:
        """Go on in a child made by fork, with notes of its own."""
        self.notes = notes
        self.waiting = []
        self.watch()

    def on_compile(self, info: Any) -> None:
        """Look at a trace that has just been compiled."""
        self.waiting.append(info)
        self.look()

    def before_threads(self) -> None:
        """Run no Python code in the compile hook from now on.

        PyPy 7.3.19 and 8.0.1 crash where a signal's handler or another thread gets its turn in there:
        a program with five threads and a signal each millisecond did so in half of its runs.
        """
        import pypyjit

        if self.is_wanted and self.agent.is_active():
            pypyjit.set_compile_hook(self.waiting.append, False)

    def start_thread(self) -> None:
        """Do what the hook would have done."""
        self.look()

    end_thread = start_thread

    def look(self) -> None:
        """Keep the code objects of loops: one made by exec is in no file."""
        try:
            if self.agent.is_active():
                self.note()
                self.agent.look_around()
        except Exception as fault:
            self.notes.fault("compile hook", fault)

    def note(self) -> None:
        """Note what waits; two threads may do that at a time."""
        while self.waiting:
            try:
                info = self.waiting.pop()
            except IndexError:
                return  # the other has taken the last
            self.note_loop(info)

    def note_loop(self, info: Any) -> None:
        """Hand over the code object of a loop of Python's."""
        self.has_any = True
        if info.type != "bridge" and info.jitdriver_name == "pypyjit":
            self.note_code(info.greenkey[0])

    def note_code(self, code: CodeType) -> None:
        """Hand over a code object, once; holding it keeps its id from being given to another."""
        if id(code) in self.codes:
            return
        self.codes[id(code)] = code
        qualname = getattr(code, "co_qualname", None)
        place = (code.co_name, code.co_filename, code.co_firstlineno, qualname)
        self.notes.add("code", place, self.notes.dumps(code))

    @seldom
    def stop(self) -> None:
        """Hear of no more, and note what waits."""
        import pypyjit

        pypyjit.set_compile_hook(None)
        self.note()
