"""Results, maps and refits are read as they were written, or refused by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from netCDF4 import Dataset

from data.errors import RunFolderError
from inference import load_result
from inference.engine.sealed_trees import read_seal, read_tree, write_tree
from inference.runs.result import _ATTRIBUTES, _GROUPS


def draws() -> xr.Dataset:
    return xr.Dataset(
        {
            "energy": (("chain", "draw"), np.arange(6.0).reshape(2, 3), {"units": "J/m^2"}),
            "single": ("draw", np.array([np.nan, -0.0, 1e-40], np.float32)),
            "count": ("draw", np.array([1, 2, 3], np.int8)),
            "large": ("draw", np.array([1, 2**63, 3], np.uint64)),
            "diverging": ("draw", np.array([True, False, True])),
            "words": ("draw", np.array(["", "ä, 'b'", "c" * 70], object)),
            "none": (("draw", "empty"), np.empty((3, 0))),
            "time": ("draw", np.array([1.0, 2.0, np.inf]), {"units": "s"}),
        },
        coords={
            "chain": [0, 1],
            "draw": ["x", "y", "z"],
            "kind": ("draw", ["α", "β", "γ"]),
            "scalar": 3.0,
        },
        attrs={"flags": [1, 2], "one": [1.5], "count": 3, "name": "a\nb", "empty": ""},
    )


def whole() -> xr.DataTree:
    """Return a tree with all that a result has, of no meaning."""
    tree = xr.DataTree.from_dict(dict.fromkeys(_GROUPS, draws()))
    tree.attrs = dict.fromkeys(_ATTRIBUTES, "{}")
    tree.attrs |= {"metal": "sodium", "versions": '{"anodebayes": "0.0.9"}', "seed": 3}
    return tree


def test_a_tree_is_read_as_it_was_written_also_by_other_programs(tmp_path: Path) -> None:
    tree, path = whole(), tmp_path / "result.nc"
    write_tree(tree, path, "result")
    read = read_tree(path, "result")
    assert read.attrs == tree.attrs
    for group in _GROUPS:
        xr.testing.assert_equal(read[group].to_dataset(), tree[group].to_dataset())
    with Dataset(path) as file:
        assert file.metal == "sodium"
        assert file["posterior"]["energy"][1].tolist() == [3, 4, 5]
    assert read_seal(path, "result")["result_id"] == "{}"


def by_another_program(path: Path) -> None:
    """Halve the draws, as a script would that opens the file and writes it again."""
    with xr.open_datatree(path, engine="netcdf4") as opened:
        tree = xr.DataTree.from_dict(
            {node.path: node.to_dataset(inherit=False).load() for node in opened.subtree}
        )
    tree["posterior"]["energy"] = tree["posterior"]["energy"] / 2
    tree.to_netcdf(path, engine="netcdf4")


def replaced(old: bytes, new: bytes, count: int = -1) -> Callable[[Path], Any]:
    def change(path: Path) -> None:
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new, count))

    return change


CHANGED = "was changed or damaged"
EDITS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another program": (
        by_another_program,
        r"by another program, .* reads it: anodebayes 0\.0\.9",
    ),
    "a number": (replaced(np.float64(4.0).tobytes(), np.float64(np.nan).tobytes(), 1), CHANGED),
    "metal": (replaced(b"sodium", b"indium"), CHANGED),
    "its id": (replaced(b'"result_id": "{}"', b'"result_id": "[]"'), CHANGED),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "is cut off"),
    "added to": (lambda path: path.write_bytes(path.read_bytes() + b"x"), "has no seal"),
    "newer": (
        replaced(b'"format_version": 1', b'"format_version": 2'),
        r"is of format 2, and anodebayes \S+ reads format 1 only: read it with anodebayes",
    ),
    "maps": (replaced(b'"holds": "result"', b'"holds": "maps"'), "holds safe-current maps, not"),
    "text": (lambda path: path.write_text("my notes"), "is not the result of a fit"),
    "seal only": (replaced(b"seal {", b"seal [{"), "has no seal"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_result_that_was_edited_or_is_of_another_version_is_refused_by_name(
    tmp_path: Path, edit: str
) -> None:
    change, said = EDITS[edit]
    path = tmp_path / "result.nc"
    write_tree(whole(), path, "result")
    load_result(path)
    change(path)
    with pytest.raises(RunFolderError, match=said) as raised:
        load_result(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("lacking", ["metal", "gate", "result_id", "posterior", "summary"])
def test_a_result_that_lacks_what_answers_need_is_refused_by_name(
    tmp_path: Path, lacking: str
) -> None:
    tree = whole()
    if lacking in tree.attrs:
        tree.attrs.pop(lacking)
    else:
        del tree[lacking]
    write_tree(tree, tmp_path / "result.nc", "result")
    with pytest.raises(RunFolderError, match=f"lacks the .* '{lacking}'"):
        load_result(tmp_path / "result.nc")


def test_no_damage_of_a_file_passes_hangs_or_is_an_internal_error(tmp_path: Path) -> None:
    # NetCDF's own reader never came back from some of these.
    path = tmp_path / "result.nc"
    write_tree(whole(), path, "result")
    content = path.read_bytes()
    rng = np.random.default_rng(13)
    for turn in range(150):
        broken = bytearray(content)
        at = int(rng.integers(len(broken)))
        if turn % 3 == 0:
            broken[at] ^= 1 << int(rng.integers(8))
        elif turn % 3 == 1:
            broken[at : at + 64] = rng.bytes(len(broken[at : at + 64]))
        else:
            del broken[at:]
        path.write_bytes(broken)
        with pytest.raises(RunFolderError):
            load_result(path)
