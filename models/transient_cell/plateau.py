"""How far the plateau of a voltage sweep exceeds the limiting current, and how surely.

While the salt has not yet diffused across the cell, the current of a sweep is that of a growing
depleted layer: it overshoots, and a plateau read from it is too high. What matters is the potential
swept while the salt diffuses across, `swept_potential`. Once the salt at the electrode is used up,
at a voltage V_d of a few RT/F (and the ohmic drop), the excess over the limiting current of a
uniform cell at a voltage V is ``2 sum exp[-4 pi^2 n^2 (V - V_d)/(swept potential)]``, n from 1: the
middle of a symmetric cell keeps its concentration, and salt diffuses across half of it.

Trilayers (porosity 0.39, N_M 4.11) with D = 2.14e-6 cm^2/s, t+ = 0.59, fast kinetics and the
conductivity of Nernst and Planck, at 5 mV/s: a stack of 500 um peaks at 3.0 times its limiting
current and is 6.5 % above it at 1 V; one of 1 mm at 5.1 times and 102 %. Without an ohmic drop the
peaks are 5.6 and 11 times and the excesses 3.4 and 75 %: the peak is a matter of the conductivity,
the tail of diffusion.

It is long because the excess of a plateau, its bounds and what a sweep must state for them are one
derivation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import xarray as xr

from data.errors import InputError
from models.physics import Layer
from models.transient_cell.cell import TransientCell, diffusion_time

__all__ = [
    "SWEPT_POTENTIAL_LIMIT",
    "PlateauCorrection",
    "plateau_correction",
    "plateau_reading",
    "sweep_warning",
    "swept_potential",
]

type ReadAt = float | tuple[float, float] | str

SWEPT_POTENTIAL_LIMIT: Final = 0.75
"""Swept potential [V] above which a plateau is an artefact of the sweep: 150 s of diffusion at
5 mV/s, and in proportion at other scan rates. There the peak is 11 % above the limiting current; a
reading taken well after the peak is right up to a few volts."""

_NODE: Final = float(np.sqrt(3.0))  # Gauss-Hermite nodes 0 and +-sqrt 3, weights 2/3 and 1/6
_PEAK_SWEEP: Final = 2.0  # end of a sweep [V] in which a peak is sought
_VOLUMES: Final = 80  # of a sweep in the search: it is good to 0.2 %
_VOLTAGE_STEP: Final = 0.01
_CLOSE: Final = 1e-4  # of the reading, in ln
_MISS: Final = 0.003
_FLAT: Final = 0.05  # slope of ln reading in ln D below which the reading says nothing of D
_RISING: Final = 0.1  # d ln j/d ln V above which the salt is not used up yet
_FURTHEST: Final = 3.0  # in ln D: the limiting current may exceed the plateau so much at most
_ATTEMPTS: Final = 25


def swept_potential(layers: Sequence[Layer], diffusivity: float, scan_rate: float) -> float:
    """Potential swept while the salt diffuses across a stack.

    Parameters
    ----------
    layers : sequence of Layer
        Layers between the electrodes, reservoirs included.
    diffusivity : float
        Ambipolar diffusivity of the salt [m^2/s].
    scan_rate : float
        Scan rate [V/s].

    Returns
    -------
    float
        ``scan_rate (sum L sqrt(porosity N_M))^2/D`` [V].
    """
    return scan_rate * diffusion_time(layers, diffusivity)


def sweep_warning(layers: Sequence[Layer], diffusivity: float, scan_rate: float) -> str | None:
    """Say so where a plateau read from a sweep is an artefact of the sweep.

    Parameters
    ----------
    layers, diffusivity, scan_rate : as for `swept_potential`

    Returns
    -------
    str or None
        One sentence, or None while the swept potential is at most `SWEPT_POTENTIAL_LIMIT`.
    """
    swept = swept_potential(layers, diffusivity, scan_rate)
    if swept <= SWEPT_POTENTIAL_LIMIT:
        return None
    time = diffusion_time(layers, diffusivity)
    slower = SWEPT_POTENTIAL_LIMIT / time
    return (
        f"diffusion across the cell takes {time:.0f} s, in which a sweep at "
        f"{scan_rate * 1e3:g} mV/s covers {swept:.3g} V (at most {SWEPT_POTENTIAL_LIMIT:g} V is "
        f"safe): the current overshoots the limiting current, sweep at {slower * 1e3:.2g} mV/s or "
        "correct the plateau"
    )


def plateau_reading(sweep: xr.Dataset, read_at: ReadAt) -> float:
    """Read a simulated sweep as a measured one is read.

    Parameters
    ----------
    sweep : Dataset
        As of `TransientCell.sweep`.
    read_at : float, (float, float) or "peak"
        A voltage [V]; two voltages that bound a plateau, between which the middle of the current's
        range is read, as `data.features` reads a measured one; or the largest current of the sweep.

    Returns
    -------
    float
        Current density [A/m^2].
    """
    current = np.asarray(sweep["current_density"].values, dtype=float)
    if isinstance(read_at, str):
        return float(current.max())
    voltage = np.asarray(sweep["voltage"].values, dtype=float)
    if not isinstance(read_at, tuple):
        return float(np.interp(read_at, voltage, current))
    inside = current[(voltage > read_at[0]) & (voltage < read_at[1])]
    level = np.concatenate([np.interp(read_at, voltage, current), inside])
    return float(level.max() + level.min()) / 2.0


def _voltages(read_at: float | tuple[float, float]) -> tuple[float, float]:
    """Voltages between which the current is read."""
    return read_at if isinstance(read_at, tuple) else (read_at, read_at)


def _place(read_at: ReadAt) -> str:
    """Name the place of a reading."""
    if isinstance(read_at, str):
        return "the peak"
    return " to ".join(f"{voltage:g}" for voltage in dict.fromkeys(_voltages(read_at))) + " V"


@dataclass(frozen=True, kw_only=True)
class PlateauCorrection:
    """How a plateau relates to the limiting current.

    Attributes
    ----------
    factor, factor_sd : float
        Plateau over limiting current [1]: divide the plateau by it.
    limiting_current_density, limiting_current_density_sd : float
        Corrected plateau [A/m^2].
    diffusivity_over_anion_transference, diffusivity_over_anion_transference_sd : float
        ``D/(1 - t+)`` [m^2/s], of the corrected plateau and the stack.
    swept_potential : float
        Potential swept while the salt diffuses across, at the D found [V].
    warning : str or None
        What `sweep_warning` says of the sweep, at the D found.
    simulations : int
        Sweeps simulated.
    shares : dict
        Variance of ln factor by what is uncertain.
    """

    factor: float
    factor_sd: float
    limiting_current_density: float
    limiting_current_density_sd: float
    diffusivity_over_anion_transference: float
    diffusivity_over_anion_transference_sd: float
    swept_potential: float
    warning: str | None
    simulations: int
    shares: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Case:
    """One set of values of all that is uncertain."""

    cell: TransientCell
    read_at: ReadAt
    plateau: float | None  # [A/m^2]; None: D is given


def plateau_correction(
    cell: TransientCell,
    *,
    scan_rate: float,
    read_at: ReadAt,
    plateau_current_density: float | None = None,
    plateau_sd: float = 0.0,
    read_at_sd: float = 0.0,
    diffusivity_sd: float = 0.8,
    transference_number_sd: float = 0.15,
    porosity_sd: float = 0.03,
    macmullin_number_sd: float = 0.2,
    conductivity_sd: float = 0.5,
    series_resistance_sd: float = 0.0,
) -> PlateauCorrection:
    """Return the factor by which a plateau exceeds the limiting current, with its sd.

    The cell is swept and read as in the measurement. Given the measured plateau, D is found so that
    the simulated reading is the measured one (a fixed point: the size of the correction depends on
    the D that is sought), and the limiting current is that of the stack with this D. Without it the
    D of the cell is used. Whatever is uncertain is varied one by one, at the nodes of a three-point
    Gauss-Hermite rule, and for each node D is found anew; squares of the effects on ln factor add.
    The factor is that of the best values, and lognormal.

    Parameters
    ----------
    cell : TransientCell
        The cell with its best values; its D is where the search begins.
    scan_rate : float
        Scan rate [V/s].
    read_at : float, (float, float) or "peak"
        Where the plateau was read; see `plateau_reading`.
    plateau_current_density : float, optional
        Measured plateau [A/m^2].
    plateau_sd : float, optional
        Its standard deviation [A/m^2].
    read_at_sd : float, optional
        Standard deviation of the voltage of the reading [V].
    diffusivity_sd : float, optional
        Of ln D; used only where no plateau is given.
    transference_number_sd, porosity_sd : float, optional
        Standard deviations [1]; of the porosity of every layer that is not open electrolyte, all
        alike, and varied on the logit scale.
    macmullin_number_sd, conductivity_sd : float, optional
        Of the logarithm, in the same layers and everywhere. The conductivity's is a choice of this
        project for how far a real electrolyte is from Nernst and Planck.
    series_resistance_sd : float, optional
        Standard deviation [ohm m^2].

    Returns
    -------
    PlateauCorrection
        Factor, corrected limiting current density and ``D/(1 - t+)``, each with its sd.

    Raises
    ------
    data.errors.InputError
        If an argument is not legal, or no D gives the plateau with the cell's best values (its
        resistance limits the current, or the salt would not be used up before the reading).

    Examples
    --------
    >>> from models.physics import Layer
    >>> cell = TransientCell(
    ...     layers=[Layer(25e-6, 0.39, 4.11)],
    ...     diffusivity=2.14e-10,
    ...     transference_number=0.59,
    ...     concentration=1000.0,
    ... )
    >>> round(plateau_correction(cell, scan_rate=1e-3, read_at=0.4).factor, 2)
    1.0
    """
    _check_reading(read_at)
    sds = {
        "plateau": plateau_sd,
        "read_at": read_at_sd,
        "diffusivity": diffusivity_sd,
        "transference_number": transference_number_sd,
        "porosity": porosity_sd,
        "macmullin_number": macmullin_number_sd,
        "conductivity": conductivity_sd,
        "series_resistance": series_resistance_sd,
    }
    for name, sd in sds.items():
        if not 0.0 <= sd < np.inf:
            raise InputError(f"{name}_sd is {sd!r}; legal is a finite number that is not negative")
    if plateau_current_density is not None and not 0.0 < plateau_current_density < np.inf:
        raise InputError(
            f"plateau_current_density is {plateau_current_density!r} A/m^2; legal is a finite "
            "positive number"
        )
    search = _Search(scan_rate)
    centre = _Case(cell=cell, read_at=read_at, plateau=plateau_current_density)
    diffusivity, best = search.solve(centre, None)
    limit = float(np.exp(best[1]))
    variances, shares = np.zeros_like(best), {}
    for name, sd in sds.items():
        if sd == 0.0 or not _matters(name, centre):
            continue
        nodes = [_varied(name, centre, sign * _NODE, sd) for sign in (-1.0, 1.0)]
        effects = search.deviations(nodes, limit, best)
        variance = (effects[0] ** 2 + effects[1] ** 2) / 6.0
        variances += variance
        shares[name] = float(variance[0])
    values = np.exp(best)
    deviations = values * np.sqrt(np.expm1(np.minimum(variances, 50.0)))
    return PlateauCorrection(
        factor=float(values[0]),
        factor_sd=float(deviations[0]),
        limiting_current_density=float(values[1]),
        limiting_current_density_sd=float(deviations[1]),
        diffusivity_over_anion_transference=float(values[2]),
        diffusivity_over_anion_transference_sd=float(deviations[2]),
        swept_potential=swept_potential(cell.layers, diffusivity, scan_rate),
        warning=sweep_warning(cell.layers, diffusivity, scan_rate),
        simulations=search.simulations,
        shares=shares,
    )


def _check_reading(read_at: ReadAt) -> None:
    """Refuse a place that is none."""
    if isinstance(read_at, str):
        if read_at != "peak":
            raise InputError(f"read_at is {read_at!r}; legal are a voltage, a pair, or 'peak'")
        return
    low, high = _voltages(read_at)
    if not 0.0 < low <= high <= 100.0:
        raise InputError(
            f"read_at is {read_at!r} V; legal are voltages above 0 and up to 100 V, the lower "
            "one first (where the curve's sign is negative, turn the cell round)"
        )


def _matters(name: str, case: _Case) -> bool:
    """Whether the reading depends on something."""
    if name == "diffusivity":
        return case.plateau is None
    if name == "plateau":
        return case.plateau is not None
    if name == "read_at":
        return not isinstance(case.read_at, str)
    if name in ("porosity", "macmullin_number"):
        return any(not _open(layer) for layer in case.cell.layers)
    if name == "conductivity":
        return case.cell.conductivity is None or bool(np.isfinite(case.cell.conductivity))
    return True


def _open(layer: Layer) -> bool:
    """Whether a layer is open electrolyte."""
    return bool(layer.porosity == 1.0 and layer.macmullin_number == 1.0)


def _logit_shifted(value: float, shift: float, sd: float) -> float:
    """Move a fraction on the logit scale by `shift` standard deviations."""
    logit = np.log(value / (1.0 - value)) + shift * sd / (value * (1.0 - value))
    return float(1.0 / (1.0 + np.exp(-logit)))


def _varied(name: str, case: _Case, shift: float, sd: float) -> _Case:
    """Return the case with one thing moved by `shift` standard deviations."""
    cell = case.cell
    if name == "plateau" and case.plateau is not None:
        relative = float(np.sqrt(np.log1p((sd / case.plateau) ** 2)))
        return replace(case, plateau=case.plateau * float(np.exp(shift * relative)))
    if name == "read_at" and not isinstance(case.read_at, str):
        low, high = _voltages(case.read_at)
        moved = max(shift * sd, -0.9 * low)
        return replace(case, read_at=(low + moved, high + moved))
    changes: dict[str, Any] = {}
    if name == "diffusivity":
        changes["diffusivity"] = cell.diffusivity * float(np.exp(shift * sd))
    elif name == "transference_number":
        inner = min(max(cell.transference_number, 1e-3), 1.0 - 1e-3)
        changes["transference_number"] = _logit_shifted(inner, shift, sd)
    elif name == "porosity":
        changes["layers"] = _changed(
            cell.layers,
            lambda layer: layer._replace(
                porosity=_logit_shifted(float(min(layer.porosity, 0.999)), shift, sd)
            ),
        )
    elif name == "macmullin_number":
        factor = float(np.exp(shift * sd))
        changes["layers"] = _changed(
            cell.layers,
            lambda layer: layer._replace(macmullin_number=layer.macmullin_number * factor),
        )
    elif name == "conductivity":
        changes["conductivity_factor"] = cell.conductivity_factor * float(np.exp(shift * sd))
    elif name == "series_resistance":
        changes["series_resistance"] = max(0.0, cell.series_resistance + shift * sd)
    return replace(case, cell=replace(cell, **changes))


def _changed(layers: Sequence[Layer], change: Callable[[Layer], Layer]) -> tuple[Layer, ...]:
    """Layers with those changed that are not open electrolyte."""
    return tuple(layer if _open(layer) else change(layer) for layer in layers)


class _Search:
    """Finds the diffusivity whose simulated reading is the measured one."""

    def __init__(self, scan_rate: float) -> None:
        self._scan_rate = scan_rate
        self._slope = 1.0  # of ln reading in ln D
        self.miss = 0.0  # of the last search, in ln reading
        self.rising = False  # whether the current still rose where it was read last
        self.simulations = 0

    def solve(self, case: _Case, limit: float | None) -> tuple[float, np.ndarray[Any, Any]]:
        """Return D and the logarithms of factor, limiting current density and D/(1 - t+).

        The search begins where the limiting current density is `limit`, or the plateau itself,
        and goes down to the D with which the salt is used up just before the reading. Where none of
        them gives the plateau, these values of the rest cannot be, and the nearest D is returned
        with its `miss`; for the best values that is an error.
        """
        log_d = float(np.log(case.cell.diffusivity))
        if case.plateau is None:
            return float(np.exp(log_d)), self._outcome(case, log_d, self._reading(case, log_d))
        target = float(np.log(case.plateau))
        log_d += float(np.log((limit or case.plateau) / case.cell.limiting_current_density))
        highest = log_d + _FURTHEST
        reading = self._reading(case, log_d)
        best, slope = (abs(target - reading), log_d), self._slope
        risen, shortest = self.rising, 1.0
        for _ in range(_ATTEMPTS):
            short = target - reading
            if abs(short) < _CLOSE or log_d > highest:
                break
            step = shortest * min(0.7, max(-0.7, short / slope))
            reached = self._reading(case, log_d + step)
            if step < 0.0 and self.rising and not risen:
                shortest /= 4.0
                if shortest < 0.01:
                    break
                continue
            best = min(best, (abs(target - reached), log_d + step))
            chord = (reached - reading) / step
            if step < 0.0 and chord < _FLAT:
                break
            # A short chord is mostly rounding.
            slope = max(chord, _FLAT) if abs(step) > 0.003 else slope
            log_d, reading = log_d + step, reached
        self.miss, log_d = best
        if limit is None:
            if self.miss > _MISS:
                raise InputError(
                    f"no diffusivity gives the plateau of {case.plateau:.4g} A/m^2 "
                    f"({case.plateau / 10.0:.4g} mA/cm^2) read at {_place(case.read_at)}: with a "
                    f"transference number of {case.cell.transference_number:.3g} and this stack, "
                    "the salt of a cell with so small a current is not used up before, or the "
                    "resistance limits the current; read the plateau at a higher voltage, sweep "
                    "more slowly, or check area, concentration, layers, transference number and "
                    "series resistance"
                )
            self._slope = slope
        return float(np.exp(log_d)), self._outcome(case, log_d, target)

    def deviations(
        self, nodes: Sequence[_Case], limit: float, best: np.ndarray[Any, Any]
    ) -> list[np.ndarray[Any, Any]]:
        """Effect of a lower and an upper node on the logarithms of the outcome.

        Values with which no D gives the plateau are excluded by the plateau: the effect of the
        other node stands in, with its sign turned.
        """
        found = []
        for node in nodes:
            outcome = self.solve(node, limit)[1] - best
            found.append((self.miss <= _MISS, outcome))
        (low_is, low), (high_is, high) = found
        if low_is and not high_is:
            high = -low
        elif high_is and not low_is:
            low = -high
        return [low, high]

    def _reading(self, case: _Case, log_d: float) -> float:
        """Logarithm of the simulated reading."""
        self.simulations += 1
        cell = replace(
            case.cell,
            diffusivity=float(np.exp(log_d)),
            volumes=min(case.cell.volumes, _VOLUMES),
            voltage_step=max(case.cell.voltage_step, _VOLTAGE_STEP),
        )
        v_max = _PEAK_SWEEP if isinstance(case.read_at, str) else _voltages(case.read_at)[1]
        sweep = cell.sweep(self._scan_rate, v_max)
        if not isinstance(case.read_at, str):
            middle = sum(_voltages(case.read_at)) / 2.0
            near = [plateau_reading(sweep, voltage) for voltage in (0.98 * middle, middle)]
            self.rising = float(np.log(near[1] / near[0])) > -_RISING * float(np.log(0.98))
        return float(np.log(plateau_reading(sweep, case.read_at)))

    def _outcome(self, case: _Case, log_d: float, log_reading: float) -> np.ndarray[Any, Any]:
        cell = replace(case.cell, diffusivity=float(np.exp(log_d)))
        limit = float(np.log(cell.limiting_current_density))
        over = log_d - float(np.log1p(-cell.transference_number))
        return np.array([log_reading - limit, limit, over])
