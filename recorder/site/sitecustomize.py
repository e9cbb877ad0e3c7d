"""Set the hooks inside PyPy before the program begins, then get out of the way.

PyPy imports this by itself at start-up because the launcher put its folder first
in PYTHONPATH.  It takes itself out of ``sys.path``, ``sys.modules`` and the environment,
starts the agent on the raw recording named in TRACEBIN_AGENT, and hands over to a
sitecustomize of the user's own, if there is one.  The program is then started by
PyPy as always, so that nothing of us is in its tracebacks.

A shell that the program starts has that environment too, and any Python may come of it:
this file alone has to be understood by all of them, Python 2 too.
"""

# For annotations alone.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # noqa: F401

PACKAGE = "tracebin_agent"
OLDEST = (3, 9)


def _start_agent():
    # type: () -> None
    import os

    text = os.environ.pop("TRACEBIN_AGENT", None)
    if text is None:
        return
    import marshal

    settings = marshal.loads(bytes(bytearray.fromhex(text)))
    if "%d" not in (settings["environ"]["PYPYLOG"] or ""):
        # PyPy itself takes it out of the environment, unless each process is to have a log of its own.
        settings["environ"]["PYPYLOG"] = None
    here = os.path.dirname(os.path.abspath(__file__))
    agent = _make_agent(settings, here)
    _leave_no_trace(here, settings["environ"])
    if agent is not None:
        agent.start()


def _unpack_agent(path):
    # type: (str) -> Any
    """Give the agent as this PyPy has compiled it (recorder/agent_pack.py); None if there is no such file.

    Modules without a finder's spec: nothing outlives the start that asks for one.
    """
    import marshal
    import sys

    try:
        with open(path, "rb") as stream:
            version, rows = marshal.loads(stream.read())
    except (OSError, EOFError, ValueError, TypeError):
        return None
    if version != sys.version:
        return None
    modules = [_new_module(name, code.co_filename) for name, code in rows]
    for module, (_, code) in zip(modules, rows):
        exec(code, module.__dict__)
    return modules[-1]


def _new_module(name, path):
    # type: (str, str) -> Any
    import os
    import sys

    module = sys.modules[name] = type(sys)(name)
    module.__package__ = PACKAGE
    module.__file__ = path
    if name == PACKAGE:
        module.__path__ = [os.path.dirname(path)]
    return module


def _import_agent():
    # type: () -> Any
    """Import the agent, from its source where what is cached of it was cut off.

    With no room on the disk, PyPy writes the first part of a compiled module and takes that
    for the whole (importlib's _write_atomic): every later start would fail.
    """
    import sys

    tag = sys.implementation.cache_tag
    try:
        import tracebin_agent  # type: ignore[import-not-found]
    except EOFError:
        sys.implementation.cache_tag = None  # type: ignore[assignment]
        import tracebin_agent
    finally:
        sys.implementation.cache_tag = tag
    return tracebin_agent


def _make_agent(settings, here):
    # type: (dict[str, Any], str) -> Any
    """Give the agent; none to a Python that a script of the program's has started and that isn't a PyPy."""
    import sys

    name = getattr(getattr(sys, "implementation", None), "name", None)
    if name != "pypy" or sys.version_info < OLDEST:
        return None
    try:
        tracebin_agent = _unpack_agent(settings["pack"]) or _import_agent()
        if settings["starts_again"]:
            tracebin_agent.start_again(settings, here)
            return None
        return tracebin_agent.Agent(settings, here)
    except OSError:
        return None  # no files, no recording; the assembly says so
    finally:
        for module in [module for module in sys.modules if module.partition(".")[0] == PACKAGE]:
            del sys.modules[module]


def _leave_no_trace(here, environ):
    # type: (str, dict[str, str | None]) -> None
    """Give ``sys.path`` and the environment back as they were before the launcher."""
    import os
    import sys

    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    for entry in [entry for entry in sys.path_importer_cache if entry.startswith(here)]:
        del sys.path_importer_cache[entry]
    for name, value in environ.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if "PYTHONDONTWRITEBYTECODE" in environ:
        sys.dont_write_bytecode = bool(environ["PYTHONDONTWRITEBYTECODE"])


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
