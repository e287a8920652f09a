"""The machine code that PyTensor and Numba keep between processes: whole, or made again.

Numba trusts the files of its cache: one that a power cut or a full disk has cut off raises whatever
`pickle` makes of it, and damaged machine code runs. Here each file ends with a digest of itself,
which `pickle` does not read; a file without the right one counts as absent and is written anew. No
file that cannot be read or written ends a computation: the cache saves time and nothing else.
"""

import io
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from numba.core import caching
from pytensor import config
from pytensor.link import utils
from pytensor.link.numba import cache

__all__ = ["guard_cache"]

_DIGEST: Final = sha256().digest_size
_LOOP_IN_C: Final = "pytensor.link.c.cvm"  # PyTensor takes its loop in Python where this is absent

logger = logging.getLogger(__name__)


def guard_cache() -> None:
    """Let Numba check what it keeps, and PyTensor keep its sources there and load no library in C.

    A library that is cut off kills the process that loads it, and nothing here calls one: models
    compile to Numba, and what is interpreted is a loop in Python. The sources would stay in the
    folder for temporary files, some hundred of every process.
    """
    caching.IndexDataCacheFile = _CheckedCacheFile
    for module in (utils, cache):
        module.write_generated_src = _write_source
    sys.modules.setdefault(_LOOP_IN_C, None)  # type: ignore[arg-type] # as Python marks absence
    if not config.generated_src_dir:
        config.generated_src_dir = str(config.base_compiledir / "source")


def _write_source(source: str, write: Callable[[str], str] = utils.write_generated_src) -> str:
    """Write a source to the cache, or where temporary files go if there is no room for it."""
    try:
        return write(source)
    except OSError as error:
        logger.warning("sources cannot be kept in %s: %s", config.generated_src_dir, error)
        config.generated_src_dir = ""
        return write(source)


class _CheckedCacheFile(caching.IndexDataCacheFile):  # type: ignore[misc]
    """The cache of one function: an index and a file for each signature."""

    def load(self, key: Any) -> Any:
        try:
            return super().load(key)
        except OSError as error:
            logger.warning("the compiled code in %s cannot be read: %s", self._index_path, error)
            return None

    def save(self, key: Any, data: Any) -> None:
        try:
            super().save(key, data)
        except OSError as error:
            logger.warning("compiled code cannot be kept in %s: %s", self._index_path, error)

    def _load_index(self) -> Any:
        return super()._load_index() if _is_whole(self._index_path) else {}

    def _load_data(self, name: str) -> Any:
        return super()._load_data(name) if _is_whole(self._data_path(name)) else None

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[Any]:
        content = io.BytesIO()
        yield content
        with super()._open_for_write(filepath) as file:
            file.write(content.getvalue() + sha256(content.getvalue()).digest())


def _is_whole(path: str) -> bool:
    """Return whether a file is there and ends with the digest of what is before it."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return False
    if content[-_DIGEST:] == sha256(content[:-_DIGEST]).digest():
        return True
    logger.debug("%s is damaged, or of another program: it is made again", path)
    return False
