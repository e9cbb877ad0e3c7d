"""The whole way: a program recorded by the command line, uploaded, and looked at."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

PROGRAM = """\
import re


def step_of(number):
    if number % 7 == 0:
        return 2
    return 1


def hot_loop(rounds):
    total = 0
    for number in range(rounds):
        total += step_of(number)
    return total


print(hot_loop(300000), len(re.findall("a+b", "aaab" * 20000)))
"""


@pytest.fixture(scope="module")
def recording(pypy: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recording")
    program = folder / "prog.py"
    program.write_text(PROGRAM)
    bundle = folder / "run.json.gz"
    tracebin = Path(sys.executable).with_name("tracebin")
    command = [tracebin, "run", "-q", "--python", pypy, "-o", bundle, program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert (done.returncode, done.stdout) == (0, "342858 20000\n"), done.stderr
    return bundle


def test_a_recorded_program_is_seen_from_its_source_to_its_machine_code(page: Page, recording: Path) -> None:
    page.goto("/")
    page.set_input_files("#bundle", recording)
    page.get_by_role("link", name="Open the run").click()
    expect(page.locator("h1")).to_contain_text("prog.py")
    expect(page.get_by_label("stdout", exact=True)).to_have_text("342858 20000\n")
    page.get_by_role("link", name="Traces", exact=True).click()
    page.get_by_label("Filter the traces").fill("kind:loop function:hot_loop")
    page.locator("tbody tr a").first.click()
    page.locator(".row").first.wait_for()
    page.keyboard.press("4")
    expect(page.locator(".row-code").first).to_be_attached()
    page.keyboard.press("/")
    page.keyboard.type("total +=")
    expect(page.locator(".row-line.cursor")).to_contain_text("total += step_of(number)")
    expect(page.locator(".row-point").first).to_be_attached()
    page.get_by_label("Find in this trace").fill("step_of /")
    expect(page.locator(".row-call.cursor")).to_contain_text("step_of")


def test_a_guard_with_a_bridge_leads_there_and_back(page: Page, recording: Path) -> None:
    page.goto("/")
    page.set_input_files("#bundle", recording)
    page.get_by_role("link", name="Open the run").click()
    page.get_by_role("link", name="Traces", exact=True).click()
    page.get_by_label("Filter the traces").fill("kind:bridge driver:pypyjit")
    page.locator("tbody tr a.soft").first.click()
    expect(page.locator(".row.target .name.kind-guard")).to_be_attached()
    guard = page.url
    page.locator(".row.target").get_by_role("link", name="bridge").click()
    page.locator(".parent").click()
    page.wait_for_url(guard)


def test_every_trace_of_a_recording_opens(page: Page, recording: Path, server: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    run = page.request.post(f"{server}/api/v1/runs", headers=headers, data=recording.read_bytes()).json()[
        "id"
    ]
    traces = json.loads(gzip.decompress(recording.read_bytes()))["traces"]
    assert len(traces) > 2
    for trace in range(len(traces)):
        page.goto(f"/runs/{run}/traces/{trace}?show=source,bytecode,resops,code&parts=entry,recovery&fails=1")
        expect(page.locator(".row").first).to_be_attached()
        page.locator(".pane").press("End")
        expect(page.locator(".row.cursor")).to_be_in_viewport()
