"""The command line `anodebayes`: the only part of the project that prints.

Nothing heavy is imported before a command needs it: `anodebayes --help` answers at once.
"""

import _signal  # type: ignore[import-not-found] # what `signal` is made of, read at once
import gc
import os
import sys

__all__ = ["main"]

# The work is many small arrays and chains in parallel: threads inside a library only get in the
# way. Worker processes must not find a user's own data.py instead of the package.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "PYTHONSAFEPATH": "1",
}


def _open_streams() -> None:
    """Open what was closed for this process, as with ``2>&-``: no file may take its place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdin = sys.stdin or open(0)  # noqa: SIM115 - open as long as the process
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115


def main() -> None:
    """Run the command line; the process ends with one of the documented exit codes."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # no traceback while the next line is read
    _open_streams()
    if sys.flags.optimize > 1:
        sys.stderr.write(
            "error: PYTHONOPTIMIZE=2 (python -OO) takes away texts that libraries of the model "
            "need: unset it, or set it to 1\n"
        )
        sys.exit(2)
    from data.stopping import stop_on_signals

    stop_on_signals()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Greek gets a ?, not a crash
    # Libraries and graphs are many objects that stay: looking for garbage among them is dear.
    gc.set_threshold(100_000, 20, 100)
    from inference.cli.caches import usable_caches
    from inference.cli.commands import app

    try:
        with usable_caches():
            app(prog_name="anodebayes")
    finally:
        gc.freeze()  # nor among what the end of the process frees anyway, 1.6 s after a fit
