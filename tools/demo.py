"""Record an example, serve it and print its address, with the public commands alone.

``make demo`` calls this.  What it shows is kept in .cache/demo, so that a demo never
ends up among the runs of the person who tries it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path
from typing import Iterator, List, NoReturn
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".cache" / "demo"
TRACEBIN = str(Path(sys.executable).parent / "tracebin")
START_SECONDS = 30
POLL_SECONDS = 0.1


def main() -> None:
    """Go from a program to the page that shows its run, until Ctrl-C or a polite kill."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        demonstrate(parse_options())


def demonstrate(options: argparse.Namespace) -> None:
    """Record, serve, upload and wait."""
    bundle = DATA / f"{options.program.stem}.json.gz"
    record(options.program, options.arguments, bundle)
    with served(options.port) as address:
        page = upload(bundle, address)
        say(f"The run is at {page}", "Ctrl-C ends the server.")
        open_page(page, options.browser)
        signal.pause()


def parse_options() -> argparse.Namespace:
    """Read the options, as ``make demo`` passes them."""
    parser = argparse.ArgumentParser(description="Record an example program and show the run.")
    parser.add_argument("--port", type=int, default=0, help="port of the server; 0 takes a free one")
    parser.add_argument("--browser", default="", help="none opens no window")
    parser.add_argument("program", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser.parse_args()


def record(program: Path, arguments: List[str], bundle: Path) -> None:
    """Run the program under the recorder; its own output goes to the terminal."""
    bundle.parent.mkdir(parents=True, exist_ok=True)
    say(f"Recording {program}")
    command = [TRACEBIN, "run", "-o", str(bundle), str(program), *arguments]
    if subprocess.run(command, check=False).returncode:
        fail(f"{program} could not be recorded; what tracebin said stands above.")


@contextlib.contextmanager
def served(wanted_port: int) -> Iterator[str]:
    """Serve the demo's data on this machine alone, and end the server with the block."""
    port = wanted_port or free_port()
    command = [TRACEBIN, "serve", "--port", str(port), "--data", str(DATA / "data")]
    server = subprocess.Popen(command, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(server, address)
        yield address
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    """Ask the system for a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_up(server: subprocess.Popen[bytes], address: str) -> None:
    """Come back when the server answers; a server that has ended says itself why."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            fail("The server ended at once; what it said stands above.")
        with contextlib.suppress(URLError, OSError), urlopen(f"{address}/healthz"):
            return
        time.sleep(POLL_SECONDS)
    fail(f"The server at {address} did not answer within {START_SECONDS} s.")


def upload(bundle: Path, address: str) -> str:
    """Send the bundle; ``tracebin upload`` prints the run's address alone on its standard output."""
    command = [TRACEBIN, "upload", "--quiet", str(bundle), "--server", address]
    answer = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if answer.returncode:
        fail("The bundle could not be uploaded; what tracebin said stands above.")
    return answer.stdout.strip()


def open_page(page: str, browser: str) -> None:
    """Open the page where there is a screen; the printed address serves everyone else."""
    has_screen = sys.platform == "darwin" or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    if browser != "none" and has_screen:
        webbrowser.open(page)


def say(*lines: str) -> None:
    """Print so that a pipe sees it at once."""
    print(*lines, sep="\n", flush=True)


def fail(message: str) -> NoReturn:
    """End with one sentence."""
    raise SystemExit(message)


if __name__ == "__main__":
    main()
