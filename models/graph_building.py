"""What is held off while graphs are built and compiled."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["building_graphs"]


@contextmanager
def building_graphs() -> Iterator[None]:
    """Hold off what takes time while graphs are in the making; also a decorator.

    Python's search for cyclic garbage: they are millions of live objects, and looking through them
    again and again took a quarter of the time of a compilation. PyTensor's record of the line that
    made each node: another tenth.
    """
    from pytensor import config

    enabled = gc.isenabled()
    gc.disable()
    try:
        with config.change_flags(traceback__limit=0):
            yield
    finally:
        if enabled:
            gc.enable()
