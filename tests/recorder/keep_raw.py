"""Record a program, keep the raw recording, and put its bundle together: FOLDER PYPY STAGES WORDS..."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tracebin.recorder.disk import DEFAULT_BYTES, DiskLimit
from tracebin.recorder.find import find_pypy
from tracebin.recorder.launch import Request, _launch, _note_end, _run
from tracebin.recorder.raw import RawRecording
from tracebin.recorder.reader import put_together

folder, python, stages, *words = sys.argv[1:]
raw = RawRecording(Path(folder))
out = Path(folder) / "bundle.json"
request = Request("script", words, out, find_pypy(python, os.environ, None), stages=stages)
raw.write_launch(_launch(request, os.environ))
limit = DiskLimit(raw.folder, DEFAULT_BYTES)
finished = _run(request, os.environ, raw, limit)
_note_end(raw, finished, limit)
put_together(python, raw.folder, out)
sys.exit(finished.status)
