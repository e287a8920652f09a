"""Garbage collection while graphs are built and compiled."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["no_collection"]


@contextmanager
def no_collection() -> Iterator[None]:
    """Hold off Python's search for cyclic garbage; also a decorator.

    A graph in the making is millions of live objects, and looking through them again and again
    took a quarter of the time of a compilation.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
