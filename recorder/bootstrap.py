"""Do a part of the recorder's work in a Python that knows nothing of tracebin.

Run by path; the folder above this one becomes the package ``tracebin``, whatever
its name.  ``pypy3 -I -S recorder/bootstrap.py decode`` is decode_server.py, in the PyPy that ran the
program, ``calls FOLDER`` is call_server.py, ``pack FOLDER PACKAGE OUT`` is agent_compiler.py, and
``assemble PYPY FOLDER OUT [follow]`` is assembling.py where the launcher can't be it itself.

Imports nothing but the work that is asked for: PyPy takes 0.02 s for what pathlib, json and typing bring.
"""

from __future__ import annotations

import os
import sys

PATH = os.path.abspath(__file__)


def _make_package(root: str) -> None:
    """Let the package's modules be found, without what its ``__init__`` gives to programs."""
    package = type(sys)("tracebin")
    package.__path__ = [root]
    sys.modules["tracebin"] = package


def _main(task: str, *words: str) -> int:
    _make_package(os.path.dirname(os.path.dirname(PATH)))
    if task == "decode":
        from tracebin.recorder import decode_server

        decode_server.serve()
        return 0
    if task == "calls":
        from tracebin.recorder import call_server

        call_server.serve(words[0])
        return 0
    if task == "pack":
        from tracebin.recorder import agent_compiler

        agent_compiler.compile_agent(*words)
        return 0
    from tracebin.recorder import assembling

    pypy, folder, out, *more = words
    return assembling.serve(pypy, folder, out, follows=more == ["follow"])


if __name__ == "__main__":
    status = _main(*sys.argv[1:])
    sys.stdout.flush()
    # Python's own way out gives back memory object by object: a tenth of a second on a long log.
    os._exit(status)
