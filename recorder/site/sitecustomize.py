"""Set the hooks inside PyPy before the program begins, then get out of the way.

PyPy imports this by itself at start-up because the launcher put its folder first
in PYTHONPATH.  It starts the agent on the raw recording named in TRACEBIN_AGENT, and hands over to a
sitecustomize of the user's own, if there is one.  The program is then started by
PyPy as always, so that nothing of us is in its tracebacks.

A shell that the program starts has that environment too, and any Python may come of it:
this file and tracebin_starting.py have to be understood by all of them, Python 2 too.  This one is short,
as many have it compiled at each start: PYTHONDONTWRITEBYTECODE is set, or root has installed us.
"""

# For annotations alone.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # noqa: F401


def _start_agent():
    # type: () -> None
    import os

    text = os.environ.pop("TRACEBIN_AGENT", None)
    if text is not None:
        import marshal

        settings = marshal.loads(bytes(bytearray.fromhex(text)))
        here = os.path.dirname(os.path.abspath(__file__))
        path = here + "/tracebin_starting.py"
        code, rows = _unpack(settings["pack"]) or (_compile(path), None)
        names = {"__name__": "tracebin_starting", "__file__": path}  # type: dict[str, Any]
        exec(code, names)
        names["begin"](settings, here, rows)


def _unpack(path):
    # type: (str) -> Any
    """Give the code of tracebin_starting.py and the agent's, if this very Python has compiled them."""
    import marshal
    import sys

    try:
        with open(path, "rb") as stream:
            version, _, data = stream.read().partition(b"\0")
        code, rows = marshal.loads(data) if version == sys.version.encode() else (None, None)
    except (OSError, IOError, EOFError, ValueError, TypeError):  # noqa: UP024 - of Python 2
        return None
    return code and (code, rows)


def _compile(path):
    # type: (str) -> Any
    with open(path) as stream:
        return compile(stream.read(), path, "exec")


def _hand_over():
    # type: () -> None
    """Import the sitecustomize that would have been found without us.

    Where there is none, the ImportError goes on to site.py, which expects it, and
    the import system forgets this module: ``sys.modules`` is as it would be.
    """
    import sys

    sys.modules.pop("sitecustomize", None)
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401


_start_agent()
_hand_over()
