"""What curves with a posterior share: draws in SI, bands, and the look of extrapolation."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from data.arrays import Array
from data.features.rows import runs
from data.quantities import split_label
from data.units import to_si
from inference.figures.labels import words
from inference.figures.style import BLACK, BLUE, NothingToDrawError, fitting

if TYPE_CHECKING:
    import xarray as xr

    from inference.runs.result import Result

__all__ = [
    "BEYOND",
    "GONE",
    "NAME_SHARE",
    "QUANTILES",
    "add_rug",
    "band",
    "beyond_handle",
    "design_columns",
    "draws_in_si",
    "grid",
    "handles",
    "median_of",
    "quantiles",
    "require_informed",
    "separators",
]

QUANTILES: Final = (0.05, 0.5, 0.95)
"""Lower end, middle and upper end of every band."""

MOST_DRAWS: Final = 1000
"""Posterior draws that a band is made of; more do not move its ends by a line's width."""

BEYOND: Final = "outside the data"
"""What a dashed line and a hatched band mean, as every legend says."""

GONE: Final = "the campaign is gone, or has changed since the fit"
"""Why the data of a campaign are missing from a figure."""

NAME_SHARE: Final = 0.3
"""Of a figure's width, for the name of a separator within or above its axes."""

_PROTOCOL: Final = "protocol"
_NAME_WIDTH: Final = 6.5  # mm along the axis that a slanted name takes


def draws_in_si(result: "Result", *names: str, most: int = MOST_DRAWS) -> dict[str, Array]:
    """Return posterior draws of scalar parameters.

    Parameters
    ----------
    result : Result
        A finished fit.
    *names : str
        Parameters; one of several protocols as "supply_factor[one_way]".
    most : int, optional
        Most draws, taken evenly from all.

    Returns
    -------
    dict of str to ndarray, shape (draw,)
        In SI, reorganization energies in eV as the physics takes them.

    Raises
    ------
    NothingToDrawError
        If the posterior does not hold a parameter.
    """
    posterior = result.posterior
    found = {}
    for name in names:
        base, member = split_label(name)
        if base not in posterior:
            raise NothingToDrawError(f"the posterior does not hold {words(name)}")
        variable = posterior[base]
        if member:
            variable = variable.sel({_PROTOCOL: member})
        found[name] = _flat(variable, posterior, most)
    return found


def _flat(variable: "xr.DataArray", posterior: "xr.Dataset", most: int) -> Array:
    """Return the draws of a variable, flat and in SI, any other dimensions behind them."""
    sizes = {dim: posterior.sizes[dim] for dim in ("chain", "draw")}
    # A parameter that the job pins may be stored without its draws.
    missing = {dim: size for dim, size in sizes.items() if dim not in variable.dims}
    whole = variable.expand_dims(missing) if missing else variable
    values = whole.transpose("chain", "draw", ...).to_numpy()
    count = values.shape[0] * values.shape[1]
    values = values.reshape(count, *values.shape[2:])
    chosen = np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))
    unit = str(variable.attrs["units"])
    return values[chosen] if unit == "eV" else to_si(values[chosen], unit)


def separators(
    result: "Result", *properties: str, most: int = MOST_DRAWS
) -> dict[str, dict[str, Array]]:
    """Return posterior draws of properties of the campaign's separators.

    Parameters
    ----------
    result : Result
        A finished fit.
    *properties : str
        Such as "pore_radius".
    most : int, optional
        Most draws, the same as `draws_in_si` takes.

    Returns
    -------
    dict of str to dict of str to ndarray, shape (draw,)
        By separator and property, in SI; empty where the campaign has none.
    """
    posterior = result.posterior
    if any(name not in posterior or "separator" not in posterior[name].dims for name in properties):
        return {}
    names = [str(name) for name in posterior["separator"].to_numpy()]
    columns = {name: _flat(posterior[name], posterior, most) for name in properties}
    return {
        separator: {name: values[:, index] for name, values in columns.items()}
        for index, separator in enumerate(names)
    }


def median_of(result: "Result", name: str, otherwise: float) -> float:
    """Return the posterior median of a scalar in SI, or another number where there is none."""
    if name not in result.posterior:
        return otherwise
    return float(np.median(draws_in_si(result, name)[name]))


def require_informed(result: "Result", *names: str) -> None:
    """Refuse a figure of parameters that no table speaks of: it would show the prior.

    Parameters
    ----------
    result : Result
        A finished fit.
    *names : str
        Parameters, of which one at least must be informed by a table.

    Raises
    ------
    NothingToDrawError
        If none is.
    """
    table = result.summary()
    known = [name for name in names if name in table.index]
    informed = [name for name in known if str(table.loc[name, "informed_by"]) not in {"", "prior"}]
    if not informed:
        several = " and ".join(words(name) for name in names)
        raise NothingToDrawError(
            f"no table of the run informs {several}: what would be drawn is the prior"
        )


def design_columns(result: "Result", name: str) -> dict[str, Array]:
    """Return the columns of a stored design, in SI or logarithms of SI.

    Parameters
    ----------
    result : Result
        A finished fit.
    name : str
        Of an observed variable, or of the conditions that several share.

    Returns
    -------
    dict of str to ndarray, shape (row,)
        By column; empty where nothing of this name was fitted.
    """
    constant = result.constant_data
    if f"{name}_design" not in constant:
        return {}
    matrix = constant[f"{name}_design"]
    columns = constant[str(matrix.dims[1])].to_numpy()
    return {str(key): matrix.to_numpy()[:, index] for index, key in enumerate(columns)}


def grid(lower: float, upper: float, *marks: float, log: bool = True, points: int = 81) -> Any:
    """Return the points of a curve, among them those where the range of the data ends.

    Parameters
    ----------
    lower, upper : float
        Ends of the curve.
    *marks : float
        Further points; those outside are left out.
    log : bool, optional
        Whether they are evenly spaced in the logarithm.
    points : int, optional
        How many, the further ones not counted.

    Returns
    -------
    ndarray
        Increasing.
    """
    even = np.geomspace(lower, upper, points) if log else np.linspace(lower, upper, points)
    inside = [mark for mark in marks if lower < mark < upper]
    return np.union1d(even, inside)


def quantiles(values: Array) -> Array:
    """Return the ends and the middle of a band, in front; draws are the last axis of `values`."""
    found: Array = np.nanquantile(values, QUANTILES, axis=-1)
    return found


def band(
    axes: Axes,
    x: Array,
    levels: Array,
    inside: Any,
    colour: str = BLUE,
    *,
    sideways: bool = False,
    line: bool = True,
    alpha: float = 0.25,
    marker: str | None = None,
    offset: int = 0,
) -> None:
    """Draw a band and its middle: plain where data are, dashed and hatched beyond.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to.
    x : ndarray, shape (point,)
        Increasing.
    levels : ndarray, shape (3, point)
        Lower end, middle and upper end.
    inside : array_like of bool, shape (point,)
        Where data are.
    colour : str, optional
        Of band and line.
    sideways : bool, optional
        Whether `x` runs along the vertical axis.
    line : bool, optional
        Whether the middle is drawn.
    alpha : float, optional
        Of the band.
    marker : str, optional
        Put on the middle here and there, for readers without colours.
    offset : int, optional
        First point with a marker.
    """
    lower, middle, upper = levels
    flags = np.broadcast_to(np.asarray(inside, dtype=bool), x.shape)
    fill = axes.fill_betweenx if sideways else axes.fill_between

    def draw_middle(part: slice, dash: str) -> None:
        ends = (middle[part], x[part]) if sideways else (x[part], middle[part])
        axes.plot(*ends, color=colour, linestyle=dash, linewidth=1.3)

    for first, end in runs(flags):
        part = slice(first, end)
        fill(x[part], lower[part], upper[part], color=colour, alpha=alpha, linewidth=0)
        if line:
            draw_middle(part, "-")
    for first, end in runs(~flags):
        # The stretch begins and ends where the data do.
        part = slice(max(0, first - 1), end + 1)
        fill(
            x[part],
            lower[part],
            upper[part],
            facecolor=(colour, 0.45 * alpha),
            edgecolor=(colour, min(1.0, 1.8 * alpha)),
            hatch="/////",
            linewidth=0,
            gid="extrapolation",
        )
        if line:
            draw_middle(part, (0, (3.5, 2.0)))  # type: ignore[arg-type]
    if marker is not None:
        every = slice(offset, None, max(1, x.size // 6))
        points = (middle[every], x[every]) if sideways else (x[every], middle[every])
        axes.plot(*points, color=colour, linestyle="", marker=marker, markersize=3.5)


def handles(
    what: str, *, inside: bool, beyond: bool, colour: str = BLUE, alpha: float = 0.25
) -> tuple[list[Artist], list[str]]:
    """Return what a legend says of a band.

    Parameters
    ----------
    what : str
        What the band is of, such as "posterior".
    inside, beyond : bool
        Whether the band is drawn within and beyond the range of the data.
    colour : str, optional
        Of the band.
    alpha : float, optional
        Of the band.

    Returns
    -------
    handles : list of Artist
        Of the legend.
    labels : list of str
        As many.
    """
    artists: list[Artist] = []
    labels = []
    share = f"{100 * (QUANTILES[-1] - QUANTILES[0]):.0f} %"
    if inside:
        artists += [
            Patch(facecolor=colour, alpha=alpha, linewidth=0),
            Line2D([], [], color=colour, linewidth=1.3),
        ]
        labels += [f"{what}, {share}", f"{what}, median"]
    if beyond:
        artists.append(beyond_handle(colour))
        labels.append(BEYOND if inside else f"{what}, {share}, {BEYOND}")
    return artists, labels


def beyond_handle(colour: str = BLUE) -> Artist:
    """Return the legend's handle of what lies outside the range of the data."""
    return Patch(
        facecolor=(colour, 0.08),
        edgecolor=(colour, 0.6),
        hatch="/////",
        linewidth=0.8,
        linestyle=(0, (3.5, 2.0)),
    )


def add_rug(axes: Axes, places: Iterable[tuple[str, float]]) -> str:
    """Name separators along the top of the axes, as many as have room; mark the others.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        With their limits and scale set.
    places : iterable of tuple of str and float
        Names and positions on the horizontal axis; those out of sight are left out.

    Returns
    -------
    str
        What the caption says of those without a name: a sentence, or nothing.
    """
    lower, upper = axes.get_xlim()
    log = axes.get_xscale() == "log"
    ends = np.log([lower, upper]) if log else np.array([lower, upper])
    inside = [(name, value) for name, value in places if lower <= value <= upper]
    inside.sort(key=lambda each: each[1])
    width = axes.get_figure(root=True).get_figwidth() * 25.4  # type: ignore[union-attr]
    count, most = len(inside), int(width / _NAME_WIDTH)
    if count > most:  # each gets its mark, and names are spread over them
        axes.vlines(
            [value for _, value in inside],
            1.0,
            1.02,
            color=BLACK,
            linewidth=0.6,
            transform=axes.get_xaxis_transform(),
            clip_on=False,
        )
        inside = [inside[at] for at in np.linspace(0, count - 1, most).round().astype(int)]
    values = np.array([value for _, value in inside])
    true = ((np.log(values) if log else values) - ends[0]) / (ends[1] - ends[0])
    for (name, value), place in zip(inside, _apart(true, _NAME_WIDTH / width), strict=True):
        axes.annotate(
            fitting(axes, name, NAME_SHARE),
            xy=(value, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(float(place), 1.045),
            textcoords="axes fraction",
            rotation=40,
            rotation_mode="anchor",
            ha="left",
            va="bottom",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
        )
    return f"Names are those of {most} of {count}. " if count > most else ""


def _apart(places: Array, gap: float) -> Array:
    """Move increasing places apart to a least gap, each crowd about its middle, none beyond 1."""
    crowds: list[list[float]] = []  # sum of what each place would have its crowd begin at, count
    for place in places.tolist():
        crowds.append([place, 1.0])
        while len(crowds) > 1:
            (first, many), (last, few) = crowds[-2:]
            if first / many + gap * many <= last / few:
                break
            crowds[-2:] = [[first + last - few * many * gap, many + few]]
    apart = [total / count + gap * k for total, count in crowds for k in range(int(count))]
    latest = 1.0 - gap * np.arange(len(apart))[::-1]
    return np.asarray(np.minimum(apart, latest))
