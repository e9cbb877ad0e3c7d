"""`tracebin view`: server and upload in one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tracebin.bundle import records as r
from tracebin.bundle.writer import write_bundle

TRACEBIN = Path(sys.executable).with_name("tracebin")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    run = r.Run(
        command=["prog.py"],
        target="script",
        cwd="/home/someone",
        started="2026-11-22T18:00:00.123456Z",
        duration_ns=1_000,
        exit=r.Exit(status=0),
        host=r.Host("Linux", "6.1", "x86_64", 2),
        pypy=r.PyPy("7.3.11", "3.9.16", "/usr/bin/pypy3"),
        options=r.Options(),
        output={},
        recorder="0.1.0",
    )
    path = tmp_path / "run.json"
    with path.open("wb") as out:
        write_bundle(out, r.Bundle(run=run, processes=[r.Process(7, None, ["prog.py"], 0, 1_000, r.Exit(0))]))
    return path


def test_a_bundle_is_viewed_however_large_its_file_is(bundle: Path, tmp_path: Path) -> None:
    small = {"TRACEBIN_BODY_BYTES": "100", "TRACEBIN_FREE_BYTES": "0"}
    command = [str(TRACEBIN), "view", "--no-browser", "--data", str(tmp_path / "data"), str(bundle)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **small}) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with urllib.request.urlopen(address.replace("/runs/", "/api/v1/runs/")) as answer:
            shown = json.load(answer)
        process.terminate()
    assert shown["run"]["command"] == ["prog.py"]
    assert process.returncode == 0


def test_a_file_that_is_no_bundle_ends_the_server(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("{}")
    command = [str(TRACEBIN), "view", "--no-browser", "--data", str(tmp_path / "data"), str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 76
    assert ended.stdout == ""
    assert "refused the bundle: not a tracebin bundle" in ended.stderr


@pytest.mark.parametrize("command", ["view", "upload", "show"])
def test_a_file_that_is_not_there_is_told_by_every_command(tmp_path: Path, command: str) -> None:
    options = ["--no-browser", "--data", str(tmp_path / "data")] if command == "view" else []
    words = [str(TRACEBIN), command, *options, str(tmp_path / "gone")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (65, "")
    assert ended.stderr == f"tracebin: {tmp_path}/gone can't be read: No such file or directory\n"
