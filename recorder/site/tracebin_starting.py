"""Make the agent and start it, and leave no trace of that: what sitecustomize.py goes on with.

It is no module, and nothing imports it: it is run in names of its own, compiled beforehand together with the
agent (recorder/agent_compiler.py), or from here.
"""

# For annotations alone.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # noqa: F401

PACKAGE = "tracebin_agent"
OLDEST = (3, 9)


def begin(settings, here, rows):
    # type: (dict[str, Any], str, Any) -> None
    """Start the agent, whose modules are in ``rows``, or else in the folder ``here``."""
    if "%d" not in (settings["environ"]["PYPYLOG"] or ""):
        # PyPy itself takes it out of the environment, unless each process is to have a log of its own.
        settings["environ"]["PYPYLOG"] = None
    agent = _make_agent(settings, here, rows)
    _leave_no_trace(here, settings["environ"])
    if agent is not None:
        agent.start()


def _run_agent(rows):
    # type: (Any) -> Any
    """Make the agent's modules; the package comes last.

    Without a finder's spec: nothing outlives the start that asks for one.
    """
    modules = {}  # type: dict[str, Any]
    for name, code, given in rows:
        module = modules[name] = _new_module(name, code.co_filename)
        for own, source, attribute in given:
            setattr(module, own, getattr(modules[source], attribute))
        exec(code, module.__dict__)
    return modules[PACKAGE]


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


def _make_agent(settings, here, rows):
    # type: (dict[str, Any], str, Any) -> Any
    """Give the agent; none to a Python that a script of the program's has started and that isn't a PyPy."""
    import sys

    name = getattr(getattr(sys, "implementation", None), "name", None)
    if name != "pypy" or sys.version_info < OLDEST:
        return None
    try:
        tracebin_agent = _run_agent(rows) if rows else _import_agent()
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
