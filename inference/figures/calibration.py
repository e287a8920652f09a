"""The ranks of a calibration as a figure."""

from textwrap import fill
from typing import TYPE_CHECKING, Final

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from inference.figures.labels import words
from inference.figures.style import DOUBLE, NothingToDrawError, finish, styled
from inference.thresholds import CALIBRATION_VACUOUS

if TYPE_CHECKING:
    from inference.studies.calibration.calibration import Calibration

__all__ = ["calibration_figure"]

_COLUMNS: Final = 5
_PANEL: Final = 31.0  # mm
_LEAST: Final = 2  # replicates
_MM_PER_INCH: Final = 25.4
_FAINT: Final = "0.5"
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

    Raises
    ------
    NothingToDrawError
        If there are fewer.
    """
    from inference.engine.arviz_statistics import draw_rank_ecdf

    if len(calibration.finished) < _LEAST:
        raise NothingToDrawError(
            f"the calibration has {len(calibration.finished)} replicates that gave ranks, and "
            f"{_LEAST} are due: anodebayes calibrate {calibration.header['job']}"
        )
    pit = calibration.pit()
    shown = [name for name in pit if not str(name).startswith((*_LATENT, "lsv_area"))]
    vacuous = calibration.contraction() < CALIBRATION_VACUOUS
    figure: Figure = draw_rank_ecdf(pit[shown], _COLUMNS)
    rows = -(-len(shown) // _COLUMNS)
    figure.set_size_inches(DOUBLE / _MM_PER_INCH, (rows * _PANEL + 26.0) / _MM_PER_INCH)
    # The figure is made for a screen: from here on it is this project's.
    figure.set_layout_engine("constrained")
    for text in [*figure.texts, *figure.legends]:
        text.remove()
    for index, (axes, name) in enumerate(zip(figure.axes, shown, strict=False)):
        title = axes.set_title(
            _title(str(name)), fontsize=7, fontweight="normal", loc="left", pad=3
        )
        if vacuous[name]:
            title.set_color(_FAINT)
        axes.tick_params(labelsize=7)
        axes.xaxis.set_major_locator(FixedLocator([0.0, 0.5, 1.0]))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_major_locator(MaxNLocator(3))
        last = index >= len(shown) - _COLUMNS
        axes.set_xlabel("rank" if last else "", fontsize=7)
        axes.tick_params(labelbottom=last)
        axes.set_ylabel("")
        for text in axes.texts:
            text.set_fontsize(7)
            text.set_text(text.get_text().partition("(")[0].strip().replace("=", " = "))
    return finish(
        figure,
        f"Calibration of {calibration.header['job']}",
        f"Ranks of {len(pit)} truths among posterior draws: the share of ranks below a value, less "
        "that value; zero where intervals hold what they promise. Orange: the ranks that speak "
        "most against it. Grey titles: the posterior hardly differs from the prior. Campaigns are "
        "drawn from the prior. Properties of single separators and cells are in the record.",
        synthetic=True,
    )


def _title(name: str) -> str:
    return fill(words(name), 24)
