"""Parse the command line, call one function, print, and choose the exit code."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, NoReturn, Optional, Tuple, Type

import click
from click.core import ParameterSource

import tracebin
from tracebin import errors
from tracebin.terminal.arguments import DEFAULT_SERVER, LEAST_INTERVAL_S, RunCommand, Seconds, patterns, size

if TYPE_CHECKING:
    from tracebin.recorder.call_choice import CallChoice

# What tracebin's own failures end with; a program's exit code is its own. docs/cli.md lists them.
EXIT_CODES: Dict[Type[errors.TracebinError], int] = {
    errors.TracebinError: 70,
    errors.PyPyNotFound: 69,
    errors.ProgramNotStarted: 126,
    errors.RecordingUnreadable: 65,
    errors.BundleNotWritten: 73,
    errors.RecorderError: 70,
    errors.UnsupportedVersion: 65,
    errors.MalformedBundle: 65,
    errors.BundleTooLarge: 65,
    errors.BundleError: 65,
    errors.ServerUnreachable: 75,
    errors.UploadRefused: 76,
    errors.UploadError: 76,
    errors.ConfigurationError: 78,
    errors.RunNotFound: 66,
    errors.BadRequest: 64,
    errors.TokenRefused: 77,
    errors.StorageUnavailable: 74,
    errors.ServerError: 70,
}
DEFAULT_MAX_SIZE = "2G"
# No recording has so many; the bundle's numbers have 64 bits.
MOST_CALLS = 10**12
# Below this a bundle is put together before a person has read a line of progress.
PROGRESS_BYTES = 4 << 20


class Commands(click.Group):
    """The commands; a TracebinError ends in its sentence on stderr and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except errors.TracebinError as fault:
            click.echo(f"tracebin: {_visible(str(fault))}", err=True)
            sys.exit(EXIT_CODES[type(fault)])


def _visible(text: str) -> str:
    """Keep control characters of a hostile name from the terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


@click.group(cls=Commands)
@click.version_option(tracebin.__version__, prog_name="tracebin")
def main() -> None:
    """See what PyPy does with a program: calls, traces, machine code, collections."""


@main.command(
    cls=RunCommand,
    options_metavar="[OPTIONS] [--] {SCRIPT | -m MODULE | -c CODE} [ARGS]...",
    epilog="-m MODULE and -c CODE work as with python.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), envvar="TRACEBIN_RUN_OUTPUT", metavar="FILE",
              help="Where the bundle goes.  [default: <program>-<UTC time>.json.gz here]")  # fmt: skip
@click.option(
    "--python", metavar="PATH", help="The PyPy to use.  [default: $TRACEBIN_PYPY, then pypy3 or pypy on PATH]"
)
@click.option("--interval", type=Seconds(10, LEAST_INTERVAL_S), metavar="SECONDS",
              envvar="TRACEBIN_RUN_INTERVAL", help="Time between samples; 0 takes none.  "
              "[default: 0.001, and 0.004 after 500 samples]")  # fmt: skip
@click.option("--stages", type=click.Choice(["optimised", "all"]), default="optimised", show_default=True,
              envvar="TRACEBIN_RUN_STAGES",
              help="Ops of a trace to keep: as optimised, or also as traced and assembled.")  # fmt: skip
@click.option("--source", type=click.Choice(["used", "all", "none"]), default="used", show_default=True,
              envvar="TRACEBIN_RUN_SOURCE",
              help="Source text to keep: without the unused standard library, all, or none.")  # fmt: skip
@click.option("--no-source", is_flag=True, envvar="TRACEBIN_RUN_NO_SOURCE", help="The same as --source none.")
@click.option("--max-size", callback=size, default=DEFAULT_MAX_SIZE, show_default=True, metavar="SIZE",
              envvar="TRACEBIN_RUN_MAX_SIZE", help="Most room on disk to record into.")  # fmt: skip
@click.option(
    "--jit",
    metavar="PARAMETERS",
    envvar="TRACEBIN_RUN_JIT",
    help="JIT parameters, as PyPy's own --jit takes them.",
)
@click.option("--calls", type=click.Choice(["sampled", "exact", "exact+c", "off"]), default="sampled",
              show_default=True, envvar="TRACEBIN_RUN_CALLS",
              help="Sample stacks, record every call (+c: of builtins too), or neither.")  # fmt: skip
@click.option("--min-duration", type=Seconds(3600), default=0.0, metavar="SECONDS",
              envvar="TRACEBIN_RUN_MIN_DURATION", help="Leave out exact calls that are shorter.")  # fmt: skip
@click.option("--max-calls", type=click.IntRange(0, MOST_CALLS), default=0, metavar="N",
              envvar="TRACEBIN_RUN_MAX_CALLS", help="Keep the longest N exact calls at most.")  # fmt: skip
@click.option("--include", multiple=True, metavar="PATTERN", callback=patterns,
              envvar="TRACEBIN_RUN_INCLUDE",
              help="Keep exact calls of this package, module or file alone; may be given again.")  # fmt: skip
@click.option("--exclude", multiple=True, metavar="PATTERN", callback=patterns,
              envvar="TRACEBIN_RUN_EXCLUDE",
              help="Leave out exact calls of this package, module or file; may be given again.")  # fmt: skip
@click.option("--start-paused", is_flag=True, envvar="TRACEBIN_RUN_START_PAUSED",
              help="Take no samples and calls until the program says tracebin.resume().")  # fmt: skip
@click.option("--wait", type=Seconds(), default=2, show_default=True, metavar="SECONDS",
              envvar="TRACEBIN_RUN_WAIT",
              help="How long to wait for child processes when the program has ended.")  # fmt: skip
@click.option(
    "--upload",
    metavar="[=URL]",
    envvar="TRACEBIN_RUN_UPLOAD",
    help="Upload the bundle when the program has ended.",
)
@click.option(
    "--view",
    "view_",
    is_flag=True,
    envvar="TRACEBIN_RUN_VIEW",
    help="Show the run in a browser when the program has ended.",
)
@click.option("--quiet", "-q", is_flag=True, envvar="TRACEBIN_RUN_QUIET", help="No report and no progress.")
@click.pass_context
def run(
    ctx: click.Context,
    /,
    output: Optional[Path], python: Optional[str], upload: Optional[str], view_: bool,
        quiet: bool, **options: Any) -> NoReturn:  # fmt: skip
    """Record SCRIPT under PyPy and write a bundle.

    The program runs as it would without tracebin; so do its exit code, streams and signals.
    """
    from tracebin.recorder.find import find_pypy, running_pypy
    from tracebin.recorder.launch import DEFAULT_INTERVAL_S, Request, record

    target, words = ctx.meta["target"], ctx.meta["words"]
    if not words:
        raise click.UsageError("name the program to record: SCRIPT, -m MODULE or -c CODE")
    if target in ("module", "code") and len(words) < 2:
        raise click.UsageError(
            f"{words[0]} wants {'a module' if target == 'module' else 'code'}, as with python"
        )
    calls = _call_choice(ctx, options)
    interpreter = find_pypy(python, os.environ, running_pypy())
    request = Request(
        target=target,
        words=words,
        out=output or Path(_default_name(target, words)),
        interpreter=interpreter,
        interval_s=DEFAULT_INTERVAL_S if options["interval"] is None else options["interval"],
        keeps_interval=options["interval"] is not None,
        stages=options["stages"],
        source=_source(ctx, options),
        jit=options["jit"],
        max_bytes=options["max_size"],
        starts_paused=options["start_paused"],
        wait_s=options["wait"],
        calls=calls,
    )
    from tracebin.terminal.progress import progress_line

    with progress_line("Putting the bundle together", PROGRESS_BYTES, quiet) as progress:
        recorded = record(request, os.environ, progress)
    if not quiet:
        from tracebin.terminal.show import show_report

        show_report(recorded.bundle)
    if upload:
        _upload(recorded.bundle, upload, quiet)
    if view_:
        _view([recorded.bundle], "127.0.0.1", 0, None, browser=True)
    finished = recorded.finished
    sys.exit(128 + finished.signal if finished.signal is not None else finished.status or 0)


def _is_said(ctx: click.Context, name: str) -> bool:
    """Say whether an option stands on the command line itself, and isn't a variable set for all runs."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _call_choice(ctx: click.Context, options: Dict[str, Any]) -> CallChoice:
    from tracebin.recorder.call_choice import CallChoice

    choice = CallChoice(
        mode=options["calls"],
        min_duration_ns=round(options["min_duration"] * 1e9),
        max_calls=options["max_calls"],
        include=options["include"],
        exclude=options["exclude"],
    )
    for name in ("min_duration", "max_calls", "include", "exclude"):
        if not choice.is_exact and options[name] and _is_said(ctx, name):
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{option} chooses among exact calls: it needs --calls exact or exact+c")
    return choice


def _source(ctx: click.Context, options: Dict[str, Any]) -> str:
    """Give whose text is kept: --no-source wins, unless it is a variable and --source is not."""
    wins = _is_said(ctx, "no_source") or not _is_said(ctx, "source")
    return "none" if options["no_source"] and wins else str(options["source"])


def _default_name(target: str, words: List[str]) -> str:
    name = {
        "script": Path(words[0]).stem,
        "module": words[-1] if len(words) < 2 else words[1],
        "code": "code",
    }[target]
    safe = (
        "".join(char if char.isalnum() or char in "._-" else "_" for char in name).lstrip("-.") or "program"
    )
    return f"{safe[:80]}-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}.json.gz"


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where the bundle goes."
)
@click.option("--python", metavar="PATH", help="The PyPy that ran the program.")
def recover(folder: Path, output: Optional[Path], python: Optional[str]) -> None:
    """Make the bundle of a raw recording that was kept after a failure."""
    from tracebin.recorder.find import find_pypy, running_pypy
    from tracebin.recorder.launch import Packing, check_out
    from tracebin.recorder.reader import put_together

    out = output or Path(f"{folder.name}.json.gz")
    check_out(out)
    packing = Packing(out)
    put_together(find_pypy(python, os.environ, running_pypy()).path, folder, packing.first)
    packing.finish()
    click.echo(str(out))


@main.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as the API gives it.")
@click.option("--trace", type=int, metavar="N", help="Print one trace: source, bytecode, ops, instructions.")
@click.option(
    "--stage", type=click.Choice(["traced", "optimised", "assembled"]), help="Which ops of the trace."
)
@click.option("--no-code", is_flag=True, help="Leave machine code out of the trace.")
def show(bundle: Path, as_json: bool, trace: Optional[int], stage: Optional[str], no_code: bool) -> None:
    """Print what a bundle holds."""
    from tracebin.terminal.show import show_bundle, show_one_trace

    if trace is None:
        show_bundle(bundle, as_json=as_json)
    else:
        show_one_trace(bundle, trace, stage=stage, as_json=as_json, code=not no_code)


@main.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--server", default=DEFAULT_SERVER, show_default=True, envvar="TRACEBIN_SERVER", metavar="URL")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def upload(bundle: Path, server: str, quiet: bool) -> None:
    """Upload a bundle and print the run's URL."""
    _upload(bundle, server, quiet)


def _upload(bundle: Path, server: str, quiet: bool) -> None:
    from tracebin.recorder.upload import upload as send
    from tracebin.terminal.progress import progress_line

    with progress_line("Uploading", 0, quiet) as progress:
        done = send(bundle, server, progress=progress)
    click.echo(done.url)
    if not quiet:
        click.echo(f"To delete it: DELETE {done.url} with the token {done.delete_token}", err=True)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one."
)
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
def serve(host: str, port: int, data: Optional[Path]) -> None:
    """Serve the viewer and take uploads, until Ctrl-C."""
    _server().serve(host, port, _config(data), lambda url: click.echo(f"tracebin is at {url}", err=True))


@main.command()
@click.argument("bundles", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="[default: any free one]")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
def view(bundles: Tuple[Path, ...], host: str, port: int, data: Optional[Path], no_browser: bool) -> None:
    """Serve, upload BUNDLES and open a browser, all in one, until Ctrl-C."""
    _view(list(bundles), host, port, data, browser=not no_browser)


def _view(bundles: List[Path], host: str, port: int, data: Optional[Path], *, browser: bool) -> None:
    from tracebin.recorder.upload import upload as send
    from tracebin.terminal.viewing import Viewing

    viewing = Viewing(bundles, lambda bundle, url: send(bundle, url).url, browser=browser)
    _server().serve(host, port, _taking(bundles, _config(data)), viewing.begin)
    viewing.finish()


def _taking(bundles: List[Path], config: Any) -> Any:
    """Have a server that is there for these bundles take them however large their files are."""
    from dataclasses import replace

    sizes = [bundle.stat().st_size for bundle in bundles if bundle.is_file()]
    return replace(config, body_bytes=max(config.body_bytes, *sizes, 0))


def _config(data: Optional[Path]) -> Any:
    from dataclasses import replace

    from tracebin.server.config import ServerConfig

    config = ServerConfig.from_environment(os.environ)
    return replace(config, data=data.absolute()) if data is not None else config


def _server() -> Any:
    """Import the server, or say how to install it."""
    # By name: the package exports a function that is called as this module is.
    try:
        return import_module("tracebin.server.serve")
    except ModuleNotFoundError as fault:
        if fault.name is not None and fault.name.startswith("tracebin"):
            raise
        raise errors.ConfigurationError(
            f"the server needs packages that are not installed ({fault.name}): pip install 'tracebin[server]'"
        ) from None
