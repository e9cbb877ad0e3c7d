"""A recorded program finds the world as it is without tracebin."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# What a program can see of its world, as JSON on stdout.
FACTS = """\
import atexit, os, sys, threading
facts = {
    "argv": sys.argv, "name": __name__, "file": globals().get("__file__"), "path": sys.path,
    "package": __package__, "cwd": os.getcwd(), "environ": dict(os.environ), "flags": list(sys.flags),
    "executable": sys.executable, "stdin": sys.stdin.read(), "modules": sorted(sys.modules),
    "importers": sorted(sys.path_importer_cache), "warnings": sys.warnoptions,
    "finders": [getattr(finder, "__name__", type(finder).__name__) for finder in sys.meta_path],
    "hooks": [repr(sys.excepthook), repr(sys.displayhook), repr(sys.gettrace()), repr(sys.getprofile())],
    "above": getattr(sys._getframe().f_back, "f_lineno", None), "threads": threading.active_count(),
    "signals": [repr(__import__("signal").getsignal(number)) for number in range(1, 32)],
}
import json
atexit.register(print, json.dumps(facts))
"""

# What the agent needs, all of it built into PyPy but __future__; a program finds it imported already.
OURS = {"__future__", "_posixsubprocess", "_vmprof", "pypyjit"}


def differing(twice: Any, *words: str, **more: Any) -> dict[str, Any]:
    """Give the facts that differ: plain and recorded."""
    runs = [twice.plain(*words, **more), twice.recorded(*words, **more)]
    assert [(done.returncode, done.stderr) for done in runs] == [(0, b"")] * 2
    plain, recorded = (json.loads(done.stdout) for done in runs)
    recorded["modules"] = [name for name in recorded["modules"] if name not in OURS]
    assert recorded["finders"].pop() == "TracebinFinder"
    return {name: (plain[name], recorded[name]) for name in plain if plain[name] != recorded[name]}


def test_a_script_elsewhere_with_a_name_of_its_own(twice: Any) -> None:
    script = twice.write("fol der/prögram 1.py", FACTS)
    assert differing(twice, script, "-o", "x", "--help", "", "ä b", stdin=b"l1\nl2\n") == {}
    run = twice.opened().run
    assert run.command == [script, "-o", "x", "--help", "", "ä b"]
    assert (run.target, run.cwd) == ("script", str(twice.folder))


def test_a_package_run_with_m(twice: Any) -> None:
    twice.write("pkg/__init__.py", "")
    twice.write("pkg/__main__.py", FACTS)
    assert differing(twice, "-m", "pkg", "-m", "--quiet") == {}
    run = twice.opened().run
    assert (run.target, run.command) == ("module", ["-m", "pkg", "-m", "--quiet"])


def test_code_run_with_c(twice: Any) -> None:
    assert differing(twice, "-c", FACTS, "-c", "a") == {}
    assert twice.opened().run.target == "code"


def test_a_program_from_stdin(twice: Any) -> None:
    plain = twice.same("-", "a", stdin=b"import sys; print(sys.argv, __name__)")
    assert plain.stdout == b"['-', 'a'] __main__\n"


@pytest.mark.parametrize("log", ["jit-nothing:own.log", "jit-nothing:own.%d.log"])
def test_settings_of_the_users_own_are_the_programs(twice: Any, log: str) -> None:
    # GIVEN a sitecustomize, a PYTHONPATH and a PYPYLOG that are the user's
    twice.write("lib/sitecustomize.py", "import sys; sys.argv_at_start = 1; import lib_of_mine")
    twice.write("lib/lib_of_mine.py", "")
    twice.write("prog.py", FACTS + "assert sys.argv_at_start\n")
    own = {"PYTHONPATH": "lib:", "PYPYLOG": log, "TRACEBIN_AGENT_X": "1"}
    # THEN the program finds them as they were, and the bundle tells what tracebin took over
    assert differing(twice, "prog.py", **own) == {}
    assert "launch" in twice.opened().problems()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_closed(twice: Any, closed: str) -> None:
    code = "import sys; print(sys.stdin, sys.stdout, sys.stderr, sys.__stdout__, file=open('said', 'w'))"
    twice.write("prog.py", code)
    said = []
    tracebin = str(Path(sys.executable).with_name("tracebin"))
    for words in ([twice.pypy], [tracebin, "run", "-q", "-o", str(twice.bundle)]):
        twice.call("sh", "-c", f'"$@" {closed}', "sh", *words, "prog.py", TRACEBIN_PYPY=twice.pypy)
        said.append((twice.folder / "said").read_text())
    assert "None" in said[0]
    assert said[0] == said[1]
    assert twice.opened().problems() <= {"launch"}


def test_double_dash_ends_tracebins_options(twice: Any) -> None:
    twice.write("-c.py", "import sys; print(sys.argv)")
    done = twice.recorded("--", "-c.py", "--interval", "-m")
    assert (done.returncode, done.stdout) == (0, b"['-c.py', '--interval', '-m']\n")
    assert twice.opened().run.command == ["-c.py", "--interval", "-m"]


def test_a_script_named_like_pypys_own_start_up_keeps_its_stacks(twice: Any) -> None:
    twice.write("app_main.py", "def hot(n):\n    while n: n -= 1\nhot(30_000_000)\n")
    assert twice.recorded("app_main.py").returncode == 0
    opened = twice.opened()
    used = {opened.of("functions")[number].name for chunk in opened.of("stacks") for number in chunk.function}
    assert {"hot", "<module>"} <= used


def test_children_of_the_program_do_not_notice_either(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import os, subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import os; print(sorted(os.environ))'], check=True)\n"
        "def fork(status):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        if status == 9: fork(8)\n"
        "        assert 'PYPYLOG' not in os.environ and os.system('env | grep -q PYPYLOG')\n"
        "        print('child', sum(i for i in range(20000)), flush=True)\n"
        "        sys.exit(status)\n"
        "    print(os.WEXITSTATUS(os.waitpid(pid, 0)[1]), flush=True)\n"
        "fork(9)\n"
        "assert 'PYPYLOG' not in os.environ and os.system('env | grep -q PYPYLOG')\n",
    )
    assert twice.same("prog.py").stdout.endswith(b"\n9\n")
    opened = twice.opened()
    assert [process.parent for process in opened.of("processes")] == [None, 0, 0, 2]
    assert opened.problems() == set()


def test_a_program_may_give_its_process_to_another(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import os, sys\n"
        "try: os.execve('/nowhere', ['x'], {})\n"
        "except FileNotFoundError: print('none', flush=True)\n"
        "os.execvp(sys.executable, [sys.executable, '-c', 'print(sum(n % 7 for n in range(10_000_000)))'])\n",
    )
    assert twice.same("prog.py").returncode == 0
    opened = twice.opened()
    assert opened.problems() <= {"no-counts"}
    assert len({process.pid for process in opened.of("processes")}) == 1
    assert len(opened.of("processes")) == 2


def test_a_daemons_child_keeps_its_files_to_itself(twice: Any) -> None:
    # GIVEN a child that closes every file and opens its own under their numbers
    twice.write(
        "prog.py",
        "import os, sys\n"
        "if os.fork() == 0:\n"
        "    os.closerange(3, 1024)\n"
        "    files = [os.open('own.txt', os.O_CREAT | os.O_RDWR) for _ in range(10)]\n"
        "    sum(n % 7 for n in range(300_000))\n"
        "    sys.exit(0)\n"
        "os.wait()\n"
        "print(os.path.getsize('own.txt'))\n",
    )
    assert twice.same("prog.py").stdout == b"0\n"


ALARM = (
    "import signal, time\n"
    "hits = []\n"
    "signal.signal(signal.SIGALRM, lambda *rest: hits.append(1))\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.1)\n"
    "time.sleep(0.3)\n"
    "print(len(hits))\n"
)
PROFILER = (
    "import signal\n"
    "hits = []\n"
    "signal.signal(signal.SIGPROF, lambda *rest: hits.append(1))\n"
    "signal.setitimer(signal.ITIMER_PROF, 0.01, 0.01)\n"
    "while len(hits) < 5: pass\n"
    "signal.setitimer(signal.ITIMER_PROF, 0)\n"
    "print('rang')\n"
)


def test_an_alarm_of_the_programs_own_rings_once(twice: Any) -> None:
    twice.write("prog.py", ALARM)
    assert twice.same("prog.py").stdout == b"1\n"
    assert twice.opened().problems() == set()


def test_a_program_that_profiles_itself_works_and_is_told(twice: Any) -> None:
    twice.write("prog.py", PROFILER)
    assert twice.same("prog.py").stdout == b"rang\n"
    assert twice.opened().problems() == {"timer-taken"}


def test_a_program_that_audits_hears_of_no_code_that_it_does_not_run(twice: Any) -> None:
    # The agent's functions are made as they are needed: here for a thread, processes and their ends.
    script = twice.write(
        "prog.py",
        "import os, subprocess, sys, threading\n"
        "heard = []\n"
        "sys.addaudithook(lambda event, values: heard.append(event) if event == 'exec' else None)\n"
        "thread = threading.Thread(target=len, args=((),))\n"
        "thread.start()\n"
        "thread.join()\n"
        "subprocess.run([sys.executable, '-c', ''], check=True)\n"
        "os.system('true')\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print(heard)\n",
    )
    assert twice.same(script).stdout == b"[]\n"


def test_the_default_action_of_an_alarm_is_what_it_is(twice: Any) -> None:
    twice.write(
        "prog.py", "import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_DFL)\ntime.sleep(0.2)"
    )
    assert twice.same("prog.py").returncode == 0


# --- ends -------------------------------------------------------------------------------

ENDS = {
    "status": "import sys; sys.exit(3)",
    "text": "import atexit, sys; atexit.register(print, 'bye'); print('hello'); sys.exit('text ä')",
    "exception": "def inner():\n    raise ValueError('ä\\n\\x1b[31m')\ndef outer(): inner()\nouter()\n",
    "in a library": "import json; json.loads('{')",
    "syntax": "print('never'\n",
    "at once": "import os, sys; print('lost'); os.write(2, b'said'); os._exit(7)",
    "killed": "import os, signal; os.write(1, b'said'); os.kill(os.getpid(), signal.SIGKILL)",
    "terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "interrupted": "import os, signal; os.kill(os.getpid(), signal.SIGINT)\nwhile True: pass",
    "aborted": "import os; os.abort()",
}


@pytest.mark.parametrize("name", ENDS)
def test_a_program_ends_as_it_does_without_us(twice: Any, name: str) -> None:
    twice.write("prog.py", ENDS[name])
    plain = twice.same("prog.py")
    found = twice.opened().run.exit
    status = (plain.returncode, None) if plain.returncode >= 0 else (None, -plain.returncode)
    assert (found.status, found.signal) == status


def test_a_script_that_is_not_there(twice: Any) -> None:
    plain, recorded = twice.plain("gone.py"), twice.recorded("gone.py")
    assert (recorded.returncode, recorded.stderr) == (plain.returncode, plain.stderr)


def test_atexit_functions_run_in_their_order_and_are_recorded(twice: Any) -> None:
    twice.write("prog.py", "import atexit\nfor n in range(3): atexit.register(print, n)\nprint('end')")
    assert twice.same("prog.py").stdout == b"end\n2\n1\n0\n"


WARM_UP = "def hot(n):\n    s = 0\n    for i in range(n):\n        s += i % 7\n    return s\nhot(2_000_000)\n"


@pytest.mark.parametrize(
    ("end", "problems"),
    [("os.kill(os.getpid(), 9)", {"no-counts", "no-end"}), ("os._exit(7)", set())],
)
def test_a_program_that_ends_at_once_leaves_a_bundle_that_says_so(
    twice: Any, end: str, problems: set[str]
) -> None:
    twice.write("prog.py", f"import os\n{WARM_UP}{end}\n")
    done: subprocess.CompletedProcess[bytes] = twice.recorded("prog.py")
    assert done.returncode in (137, 7)
    opened = twice.opened()
    assert opened.problems() == problems
    hot = [trace for trace in opened.of("traces") if not trace.own]
    assert len(hot) > 0
    counts = [trace.runs for trace in hot] + [label.runs for trace in hot for label in trace.labels]
    assert [count for count in counts if count is not None] == ([] if problems else counts)


def test_runs_are_counted_whether_pypy_ends_the_process_or_not(twice: Any) -> None:
    found = []
    ends = ("", "os._exit(0)", "os.execv('/bin/true', ['true'])", "os.kill(os.getpid(), 2)")
    for end in ends:
        twice.write("prog.py", f"import os\n{WARM_UP}{end}\n")
        twice.same("prog.py")
        opened = twice.opened()
        names = [function.name for function in opened.of("functions")]
        hot = [
            trace
            for trace in opened.of("traces")
            if trace.kind == "loop" and trace.function is not None and names[trace.function] == "hot"
        ]
        found.append([(trace.runs, [label.runs for label in trace.labels]) for trace in hot])
    # The loop was entered once, and its body run nearly as often as there are numbers.
    ((entered, (*_, body)),) = found[0]
    assert entered == 1
    assert body > 1_900_000
    assert found == [found[0]] * len(ends)


def test_a_program_without_traces_has_no_problem(twice: Any) -> None:
    assert twice.recorded("-c", "pass").returncode == 0
    assert twice.opened().problems() == set()
