"""Call the C library without leaving a trace in the program's modules."""

from __future__ import annotations

from .seldom import seldom, when_needed

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple


class Libc:
    """Call C functions through PyPy's own _rawffi: ctypes would be noticed in ``sys.modules``."""

    @seldom
    def __init__(self) -> None:
        import _rawffi  # type: ignore[import-not-found]

        self.array = _rawffi.Array
        self.library = _rawffi.CDLL(None)
        self.functions: Dict[Tuple[str, str], Any] = {}

    def call(self, name: str, kinds: str, *values: int) -> int:
        """Call ``name``; kinds are i (int) and P (word).  Raises OSError where it gives -1."""
        return self.prepared(name, kinds, *values)()

    def prepared(self, name: str, kinds: str, *values: int) -> Callable[[], int]:
        """Give the same call to be made again and again: what takes long is to lay out its arguments."""
        arguments = []
        for kind, value in zip(kinds, values):
            argument = self.array(kind)(1, autofree=True)
            argument[0] = value
            arguments.append(argument)
        function = self.functions.get((name, kinds))
        if function is None:
            function = self.functions[name, kinds] = self.library.ptr(name, list(kinds), "P")

        def call() -> int:
            answer: int = function(*arguments)[0]
            if answer & 0xFFFFFFFF == 0xFFFFFFFF:
                raise OSError(name + " failed")
            return answer

        return call

    def memory(self, data: bytes) -> Any:
        """Give C memory that holds ``data`` and lives as long as what is given."""
        memory = self.array("c")(len(data), autofree=True)
        memory[0 : len(data)] = data
        return memory

    def words(self, *values: int) -> Any:
        """Give C memory of 64-bit words, which lives as long as what is given."""
        memory = self.array("P")(len(values), autofree=True)
        for place, value in enumerate(values):
            memory[place] = value
        return memory

    def copy(self, data: bytes, address: int) -> None:
        """Put ``data`` at ``address``."""
        # Not byte by byte: after a thousand of them PyPy would compile that loop, for 5 ms of each start.
        self.array("c").fromaddress(address, len(data))[0 : len(data)] = data

    def read(self, address: int, size: int) -> bytes:
        """Give the bytes at ``address``."""
        import _rawffi

        return bytes(_rawffi.charp2rawstring(address, size))

    @when_needed
    def text(self, address: int) -> bytes:
        """Give the bytes from ``address`` up to a 0."""
        import _rawffi

        return bytes(_rawffi.charp2rawstring(address))

    def address(self, name: str) -> int:
        """Give where a variable or function of the library lies.  Raises OSError."""
        try:
            return int(self.library.getaddressindll(name))
        except Exception as fault:
            raise OSError(name + " is not there") from fault

    @when_needed
    def word(self, address: int) -> int:
        """Give the 64-bit word at ``address``."""
        return int.from_bytes(self.read(address, 8), "little")
