"""How signals end a process: between two products, not within one, and with nothing left over.

An exception that a signal raises wherever the program happens to be can leave the lock of a library
held, and what cleans up then waits for it for ever. So no signal raises anything here. A process of
the command line ends at once: nothing under a file's own name is ever half-written, what is beside
it is removed, and child processes end with their parent. Only while a product is written a signal
waits, for the numbers have taken long; a second one does not.

This module is read first of all, and so imports little.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time

TYPE_CHECKING = False  # as `typing` has it, without reading `typing`
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any, NoReturn

__all__ = [
    "deaf_children",
    "ends_with_parent",
    "last_words",
    "stop_on_signals",
    "undone",
    "uninterrupted",
]

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGHUP", "SIGTERM", "SIGINT") if hasattr(signal, name)
)
"""What stops a process: a closed terminal, a request, Ctrl-C; the last is restored last."""

PATIENCE = 8.0
"""Seconds that a product has to be finished in."""

GRACE = 2.0
"""Seconds that a library has to come back from machine code, where none is being written."""

_undo: "list[Callable[[], object]]" = []
_words: "list[Callable[[], object]]" = []
_holding: list[bool] = []
_said: list[int] = []
_ending: list[int] = []


@contextlib.contextmanager
def undone(action: "Callable[[], object]") -> "Iterator[None]":
    """Do something where a signal ends the process within the block; an exception does not.

    Parameters
    ----------
    action : callable
        Removes what the block makes, if it is there. It is called while the block is under way.
    """
    _undo.append(action)
    try:
        yield
    finally:
        _wait_if_ending()
        _undo.remove(action)


@contextlib.contextmanager
def last_words(action: "Callable[[], object]") -> "Iterator[None]":
    """Say something where a signal ends the process within the block.

    Parameters
    ----------
    action : callable
        Prints what is worth to know then.
    """
    _words.append(action)
    try:
        yield
    finally:
        _words.remove(action)


@contextlib.contextmanager
def uninterrupted() -> "Iterator[None]":
    """Hold signals back until the block is done; also a decorator.

    Signals reach the main thread alone; in another one this does nothing. On the command line a
    second signal, and one that has waited for `PATIENCE`, ends the process within the block.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(signum: int, _frame: "FrameType | None") -> None:
        held.append(signum)

    before: dict[int, Any] = {}
    _holding.append(True)
    try:
        for signum in SIGNALS:
            if signal.getsignal(signum) not in (signal.SIG_IGN, None):
                before[signum] = signal.signal(signum, hold)
        yield
    finally:
        _wait_if_ending()
        for signum, handler in before.items():
            signal.signal(signum, handler)
        _holding.pop()
        if held:
            handler = before[held[0]]
            # A signal raised anew would count as a second one.
            if callable(handler):
                handler(held[0], None)
            else:
                signal.raise_signal(held[0])


def stop_on_signals() -> None:
    """Let signals end this process with 128 and their number, from now on to its end.

    A signal that is ignored already, as SIGHUP is under ``nohup``, stays so. A thread ends the
    process where the main one does not come to it.
    """
    for signum in SIGNALS:
        if signal.getsignal(signum) not in (signal.SIG_IGN, None):
            signal.signal(signum, _stop)
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(told,), name="signals", daemon=True).start()


def ends_with_parent(wait: "Callable[[], object]") -> None:
    """Let this process end where its parent has, however that ended.

    Parameters
    ----------
    wait : callable
        Returns when the parent is no more: from a pipe whose other end is the parent's alone.
    """

    def end() -> None:
        wait()
        os._exit(1)

    threading.Thread(target=end, name="parent", daemon=True).start()


@contextlib.contextmanager
def deaf_children() -> "Iterator[None]":
    """Keep a Ctrl-C from processes that start within the block: it is their parent's to answer.

    They inherit that the signal is blocked; where a system knows no such thing, they hear it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(signum: int, _frame: "FrameType | None") -> None:
    while _words:
        with contextlib.suppress(Exception):
            _words.pop()()
    with contextlib.suppress(Exception):  # the stream may be in the midst of a line
        sys.stdout.flush()
    _end(signum)


def _watch(told: int) -> None:
    """End the process at a second signal, or where the first has not ended it in time."""
    first = None
    while True:
        for signum in os.read(told, 64):
            if signum not in SIGNALS:
                continue
            if first is not None:
                _end(first)
            first = signum
            late = threading.Timer(PATIENCE if _holding else GRACE, _end, (first,))
            late.daemon = True
            late.start()


def _end(signum: int) -> "NoReturn":
    """End the process, which may go on in another thread until then."""
    _ending.append(signum)
    for action in list(reversed(_undo)):
        with contextlib.suppress(Exception):
            action()
    if not _said:
        _said.append(signum)
        line = (
            f"stopped by {signal.Signals(signum).name}; nothing half-written was left, run the "
            "command again\n"
        )
        clear = "\r\x1b[K\x1b[?25h" if os.isatty(2) else ""  # a bar, and a cursor that it hides
        with contextlib.suppress(OSError):
            # A reader that does not read keeps nobody here.
            if os.name == "nt" or select.select([], [2], [], 0)[1]:
                os.write(2, (clear + line).encode())
    os._exit(128 + signum)


def _wait_if_ending() -> None:
    """Do no more where another thread is ending the process."""
    while _ending:
        time.sleep(PATIENCE)
