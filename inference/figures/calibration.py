"""The ranks of a calibration as a figure."""

from textwrap import fill
from typing import TYPE_CHECKING, Final

from matplotlib.figure import Figure

from inference.figures.style import styled

if TYPE_CHECKING:
    from inference.calibration import Calibration

__all__ = ["calibration_figure"]

_COLUMNS: Final = 5
_PANEL: Final = (36.0, 30.0)  # mm
_MM_PER_INCH: Final = 25.4
_LATENT: Final = ("pore_radius", "porosity", "thickness", "macmullin_number", "separator_offset")


@styled
def calibration_figure(calibration: "Calibration") -> Figure:
    """Draw how far the ranks of each quantity are from uniform.

    Latent properties of single separators and cells are left out; they are in the record.

    Parameters
    ----------
    calibration : Calibration
        With at least two replicates that gave ranks.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a quantity: the share of ranks below a value minus that value, with the p-value of
        the test that the verdict rests on.
    """
    from inference.arviz_statistics import draw_rank_ecdf

    pit = calibration.pit()
    shown = [name for name in pit if not str(name).startswith((*_LATENT, "lsv_area"))]
    figure: Figure = draw_rank_ecdf(pit[shown], _COLUMNS)
    rows = -(-len(shown) // _COLUMNS)
    figure.set_size_inches(
        _COLUMNS * _PANEL[0] / _MM_PER_INCH, (rows * _PANEL[1] + 10.0) / _MM_PER_INCH
    )
    for index, (axes, name) in enumerate(zip(figure.axes, shown, strict=False)):
        axes.set_title(_title(str(name)), fontsize=6, fontweight="normal", loc="left")
        axes.tick_params(labelsize=6)
        axes.set_xlabel("rank" if index >= _COLUMNS * (rows - 1) else "", fontsize=6)
        axes.set_ylabel("")
        for text in axes.texts:
            text.set_fontsize(6)
            text.set_text(text.get_text().partition("(")[0].replace("=", " = "))
    figure.set_layout_engine("constrained")
    figure.suptitle(
        f"Calibration of {calibration.header['job']}: ranks of {len(pit)} truths among posterior "
        f"draws, their distribution minus the uniform one",
        fontsize=8,
    )
    return figure


def _title(name: str) -> str:
    return fill(name.replace("_", " ").replace("[", " ["), 26)
