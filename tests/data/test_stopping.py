"""Signals end a process between two products, and its children with it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.stopping import PATIENCE, uninterrupted
from data.whole_files import temporary_folder, write_whole, write_whole_folder

SOON = 0.5 * PATIENCE


def started(code: str, *arguments: str | Path) -> "subprocess.Popen[str]":
    """Start a process that stops on signals and return once it has said that it is ready."""
    lines = f"""
import os, signal, sys, time
from functools import partial
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
from data import stopping
stopping.stop_on_signals()
ready = partial(print, "ready", flush=True)
{textwrap.dedent(code)}
"""
    process = subprocess.Popen(
        [sys.executable, "-c", lines, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str, float]:
    """Return code, output, errors and the seconds that it took."""
    begun = time.monotonic()
    output, errors = process.communicate(timeout=3 * PATIENCE)
    return process.returncode, output, errors, time.monotonic() - begun


def is_alive(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


STOPS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("signum", "code"), STOPS)
def test_a_signal_waits_for_the_product_that_is_being_written(
    signum: signal.Signals, code: int, tmp_path: Path
) -> None:
    process = started(
        """
        from data.whole_files import write_whole
        def writer(path):
            path.write_text("half, ")
            ready()
            sys.stdin.readline()
            path.write_text("whole")
        with stopping.last_words(partial(print, "one is in")):
            write_whole(Path(sys.argv[1]) / "result.nc", writer)
        print("went on")
        """,
        tmp_path,
    )
    process.send_signal(signum)
    time.sleep(0.2)
    assert process.poll() is None
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    found, output, errors, _ = ended(process)
    assert (found, output) == (code, "one is in\n")
    assert errors.startswith(f"stopped by {signum.name}; nothing half-written")
    assert errors.count("\n") == 1
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [
        ("result.nc", "whole")
    ]


WAITS = {
    "for a second signal": "sys.stdin.readline()",
    "in machine code": "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}); time.sleep(60)",
}


@pytest.mark.parametrize("where", WAITS)
@pytest.mark.parametrize("write", ["write_whole", "write_whole_folder"])
def test_a_second_signal_ends_at_once_and_leaves_nothing(
    where: str, write: str, tmp_path: Path
) -> None:
    process = started(
        f"""
        from data.stopping import uninterrupted
        from data.whole_files import {write}, temporary_folder
        def writer(path):
            (path if path.suffix else path / "one").write_text("half")
            with uninterrupted():
                ready()
                {WAITS[where]}
        os.environ["TMPDIR"] = sys.argv[1]
        with temporary_folder() as folder:
            (folder / "some").write_text("draft")
            {write}(Path(sys.argv[1]) / {"'result.nc'" if write == "write_whole" else "'figures'"},
                    writer)
        """,
        tmp_path,
    )
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    code, _, errors, seconds = ended(process)
    assert code == 130
    assert seconds < SOON
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())


def test_one_signal_ends_a_process_that_does_not_come_to_it(tmp_path: Path) -> None:
    process = started(
        f"""
        stopping.GRACE = 0.5
        ready()
        {WAITS["in machine code"]}
        """
    )
    process.send_signal(signal.SIGINT)
    code, _, errors, seconds = ended(process)
    assert (code, errors.count("\n")) == (130, 1)
    assert seconds < SOON


def test_a_signal_outside_removes_what_is_temporary_and_lets_the_program_have_a_last_word(
    tmp_path: Path,
) -> None:
    process = started(
        """
        from data.whole_files import temporary_folder
        class Stubborn:
            def __del__(self):  # where an exception would be lost
                ready()
                while True:
                    time.sleep(0.01)
        with stopping.last_words(partial(print, "2 of 4 are in")), temporary_folder() as folder:
            (folder / "draft").write_text("x")
            stubborn = Stubborn()
            del stubborn
        """,
    )
    process.send_signal(signal.SIGTERM)
    code, output, errors, seconds = ended(process)
    assert (code, output, errors.count("\n")) == (143, "2 of 4 are in\n", 1)
    assert seconds < SOON


@pytest.fixture
def interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    told = signal.set_wakeup_fd(-1)  # a command that was tested in this process may have set it
    yield
    signal.set_wakeup_fd(told)
    signal.signal(signal.SIGINT, before)


def test_within_a_notebook_an_interrupt_waits_and_is_not_lost(
    interrupts: None, tmp_path: Path
) -> None:
    def writer(path: Path) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        path.write_text("whole")

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "result.nc", writer)
    assert (tmp_path / "result.nc").read_text() == "whole"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def fills(folder: Path) -> None:
        (folder / "one").write_text("drawn")
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):  # drawing figures takes long and is not waited for
        write_whole_folder(tmp_path / "figures", fills)
    with pytest.raises(KeyboardInterrupt), temporary_folder() as folder:
        os.kill(os.getpid(), signal.SIGINT)
    assert not folder.exists()
    with pytest.raises(ZeroDivisionError), uninterrupted(), uninterrupted():
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["result.nc"]


def test_an_interrupt_before_the_program_is_read_shows_no_traceback() -> None:
    code = """
        import signal, sys, time
        signal.signal(signal.SIGINT, signal.default_int_handler)
        import inference.cli
        class Slow:
            def find_spec(self, name, *_):
                if name == sys.argv[1]:
                    print("ready", flush=True)
                    time.sleep(60)
        sys.meta_path.insert(0, Slow())
        sys.modules.pop(sys.argv[1], None)
        inference.cli.main()
    """
    for module, codes in (("contextlib", {-signal.SIGINT, 130}), ("typer", {130})):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), module],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        found, _, errors, _ = ended(process)
        assert found in codes
        assert "Traceback" not in errors
        assert errors.count("\n") <= 1


CHILDREN = {
    "replicates of calibrate": """
        import time
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context
        from data.stopping import deaf_children
        from inference.studies.calibration.running import _start_worker
        pool = ProcessPoolExecutor(1, get_context("spawn"), _start_worker)
        with deaf_children():
            pool.submit(time.sleep, 0).result()
        pool.submit(time.sleep, 600)
        print(*pool._processes, flush=True)
        ready()
        time.sleep(600)
    """,
    "refits of check": """
        from inference.checks.alone import _start
        os.mkfifo(Path(sys.argv[1]) / "creep.json")  # what to fit never comes
        print(_start(Path(sys.argv[1]), "creep").pid, flush=True)
        time.sleep(600)
    """,
}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in /proc")
@pytest.mark.parametrize("kind", CHILDREN)
def test_children_end_with_a_parent_that_is_killed(kind: str, tmp_path: Path) -> None:
    code = "import os, sys, time\nfrom pathlib import Path\n" + textwrap.dedent(
        CHILDREN[kind]
    ).replace("ready()\n", "")
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.1)
        assert is_alive(child)
        parent.kill()
    due = time.monotonic() + 10.0
    while is_alive(child) and time.monotonic() < due:
        time.sleep(0.05)
    assert not is_alive(child)
