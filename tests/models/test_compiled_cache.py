"""A damaged cache of machine code is made again; one that cannot be written to is done without."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytensor.tensor as pt
import pytest
from numba.core import caching
from pytensor import config, function
from pytensor.link import utils
from pytensor.link.numba import cache

import models.kernels  # noqa: F401 - what every model imports
from models.compiled_cache import _CheckedCacheFile

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut off": lambda content: content[: len(content) // 2],
    "less a byte": lambda content: content[:-1],
    "a byte changed": lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
    "zeros at the end": lambda content: content[:-50] + bytes(50),
    "of another program": lambda content: content[:-32],
}
CODE = {"machine code": bytes(range(256))}


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_counts_as_absent_and_is_written_anew(
    damage: str, kind: str, tmp_path: Path
) -> None:
    cache = _CheckedCacheFile(tmp_path, "function", 0)
    assert cache.load("key") is None
    cache.save("key", CODE)
    assert cache.load("key") == CODE
    assert _CheckedCacheFile.__base__(tmp_path, "function", 0).load("key") == CODE
    (path,) = tmp_path.glob(f"*.{kind}")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert cache.load("key") is None
    cache.save("key", CODE)
    assert cache.load("key") == CODE
    assert len(list(tmp_path.iterdir())) == 2


def test_a_cache_that_cannot_be_used_is_done_without(tmp_path: Path) -> None:
    cache = _CheckedCacheFile(tmp_path / "absent", "function", 0)
    cache.save("key", CODE)
    assert cache.load("key") is None
    (tmp_path / "function.nbi").mkdir()
    cache = _CheckedCacheFile(tmp_path, "function", 0)
    cache.save("key", CODE)
    assert cache.load("key") is None


def test_a_source_that_cannot_be_kept_is_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "file").touch()
    with config.change_flags(generated_src_dir=str(tmp_path / "file")):
        assert cache.write_generated_src is utils.write_generated_src
        written = Path(cache.write_generated_src("x = 1"))
    assert written.parent == tmp_path
    assert written.read_text() == "x = 1"


def test_models_compile_with_the_checked_cache_and_keep_their_sources_in_it() -> None:
    assert caching.IndexDataCacheFile is _CheckedCacheFile
    x = pt.dvector()
    assert function([x], 2.0 * x, mode="FAST_COMPILE")([1.0]) == [2.0]
    assert "lazylinker_ext" not in sys.modules
    assert Path(config.generated_src_dir).is_relative_to(config.base_compiledir)
