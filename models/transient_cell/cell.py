"""One-dimensional transient of a symmetric metal cell under a voltage sweep or a constant current.

Salt
----
A binary electrolyte of constant ambipolar diffusivity D and cation transference number t+ fills a
stack of layers: ``porosity dc/dt = d/dx[(D/N_M) dc/dx]``, with the flux ``j (1 - t+)/F`` out of the
electrolyte at the depleting electrode (x = 0, the metal is plated) and into it at the supplying one
(x = L, the metal is stripped). No convection, no moving boundaries.

Voltage
-------
The voltage is that of the supplying electrode against the depleting one; voltage and current
density are positive throughout:

``V = 2 (RT/F)(1 - t+) ln(c_L/c_0) + j int N_M/kappa(c) dx + eta_0 + eta_L + j R_series``.

The first term is the potential of the concentration cell of an ideal solution. The conductivity of
the open electrolyte is proportional to the concentration. By default it is that of Nernst and
Planck, ``kappa = F^2 c D/(2 R T t+ (1 - t+))``, which belongs to the same D and t+. Then, and only
then, the steady state of fast kinetics is ``V = 2 (RT/F) ln(c_L/c_0)`` whatever t+, and for a
uniform cell ``j = j_lim tanh(F V/4RT)``. With an infinite conductivity the argument of tanh is
``F V/(4 R T (1 - t+))``. Electroneutrality holds everywhere: there is no overlimiting current and
no double layer.

It is long because one system of equations is assembled, stepped and read out by one class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr

from data.arrays import Array
from data.errors import InputError
from models.physics import (
    FARADAY,
    REFERENCE_TEMPERATURE,
    Layer,
    depletion_time,
    limiting_current_density,
    sand_time,
    thermal_voltage,
)
from models.transient_cell.kinetics import ButlerVolmer, Kinetics, MarcusHushChidsey
from models.transient_cell.mesh import build_mesh
from models.transient_cell.solver import Solver, VoltageControl
from models.transient_cell.stepping import Infeasible, State, integrate

__all__ = ["KINETICS_OF_CELL", "TransientCell", "diffusion_time"]


KINETICS_OF_CELL: Final = ("fast", "marcus_hush_chidsey", "butler_volmer")
"""Kinetics of a transient cell; `fast` is the limit of an infinite exchange current."""

_UNITS: Final = {
    "time": ("s", "time under control"),
    "voltage": ("V", "voltage of the supplying electrode against the depleting one"),
    "current_density": ("A/m^2", "current density"),
    "depleting_concentration": ("mol/m^3", "salt concentration at the depleting electrode"),
    "supplying_concentration": ("mol/m^3", "salt concentration at the supplying electrode"),
    "position": ("m", "distance from the depleting electrode"),
    "concentration": ("mol/m^3", "salt concentration in the pores"),
    "storage": ("m", "pore volume of a finite volume an area"),
}


def diffusion_time(layers: Sequence[Layer], diffusivity: float) -> float:
    """Time of diffusion across a stack, ``(sum L sqrt(porosity N_M))^2/D``.

    Parameters
    ----------
    layers : sequence of Layer
        Layers between the electrodes; open electrolyte has porosity and MacMullin number 1.
    diffusivity : float
        Ambipolar diffusivity of the salt [m^2/s].

    Returns
    -------
    float
        Time [s].
    """
    across = sum(
        float(layer.thickness) * float(np.sqrt(layer.porosity * layer.macmullin_number))
        for layer in layers
    )
    return across**2 / diffusivity


@dataclass(frozen=True, kw_only=True, eq=False)
class TransientCell:
    """A symmetric metal cell whose salt is followed in time and in one dimension.

    Parameters
    ----------
    layers : sequence of Layer
        Layers in order, from the depleting electrode to the supplying one (thickness [m], porosity
        and MacMullin number [1]); a reservoir is an open layer at its side. Layers of no thickness
        are left out.
    diffusivity : float
        Ambipolar diffusivity of the salt [m^2/s].
    transference_number : float
        Transference number of the metal's cation [1], at least 0 and below 1.
    concentration : float
        Salt concentration before the test [mol/m^3], the same everywhere.
    temperature : float, optional
        Temperature [K].
    kinetics : {"fast", "marcus_hush_chidsey", "butler_volmer"}, optional
        Charge transfer at both electrodes; `fast` has no overpotential.
    exchange_current_density : float, optional
        Exchange current density at the initial concentration, of the electrode's geometric area
        [A/m^2]: one of wetted area times the porosity of the layer that touches. Needed unless the
        kinetics is fast. It follows the concentration at the electrode as its square root.
    reorganization_energy : float, optional
        Reorganization energy [eV], for Marcus-Hush-Chidsey kinetics.
    series_resistance : float, optional
        Resistance in series [ohm m^2]; 1 ohm cm^2 is 1e-4 ohm m^2.
    conductivity : float, optional
        Conductivity of the open electrolyte at the initial concentration [S/m], proportional to the
        concentration elsewhere; infinite for no ohmic drop. By default that of Nernst and Planck.
    conductivity_factor : float, optional
        Conductivity over the one above [1].
    volumes : int, optional
        Finite volumes across the cell.
    tolerance : float, optional
        Error of ``c/c0`` allowed in a time step.
    voltage_step : float, optional
        Change of the voltage in a time step, at most [V].

    Raises
    ------
    data.errors.InputError
        If a value is not legal; the message says which and what is legal.

    Examples
    --------
    >>> from models.physics import Layer
    >>> cell = TransientCell(
    ...     layers=[Layer(25e-6, 0.39, 4.11)],
    ...     diffusivity=2.14e-10,
    ...     transference_number=0.59,
    ...     concentration=1000.0,
    ... )
    >>> sweep = cell.sweep(scan_rate=1e-3, v_max=0.5)
    >>> round(float(sweep["current_density"][-1]) / 10.0)  # mA/cm^2
    98
    """

    layers: Sequence[Layer]
    diffusivity: float
    transference_number: float
    concentration: float
    temperature: float = REFERENCE_TEMPERATURE
    kinetics: str = "fast"
    exchange_current_density: float | None = None
    reorganization_energy: float | None = None
    series_resistance: float = 0.0
    conductivity: float | None = None
    conductivity_factor: float = 1.0
    volumes: int = 160
    tolerance: float = 1e-6
    voltage_step: float = 0.005

    def __post_init__(self) -> None:
        """Refuse what is not a cell."""
        layers = tuple(_checked_layer(k, layer) for k, layer in enumerate(self.layers))
        object.__setattr__(self, "layers", tuple(x for x in layers if float(x.thickness) > 0.0))
        if not self.layers:
            raise InputError(
                "a transient cell needs at least one layer of positive thickness, got none"
            )
        for name in (
            "diffusivity",
            "concentration",
            "temperature",
            "tolerance",
            "voltage_step",
            "conductivity_factor",
        ):
            _positive(name, getattr(self, name))
        if not 0.0 <= self.transference_number < 1.0:
            raise InputError(
                f"transference_number is {self.transference_number!r}; legal is at least 0 and "
                "below 1"
            )
        if self.kinetics not in KINETICS_OF_CELL:
            legal = ", ".join(repr(name) for name in KINETICS_OF_CELL)
            raise InputError(
                f"kinetics {self.kinetics!r} is not one of a transient cell; legal are {legal}"
            )
        if self.kinetics != "fast":
            _positive("exchange_current_density", self.exchange_current_density)
        if self.kinetics == "marcus_hush_chidsey":
            _positive("reorganization_energy", self.reorganization_energy)
        if not 0.0 <= self.series_resistance < np.inf:
            raise InputError(
                f"series_resistance is {self.series_resistance!r} ohm m^2; legal is a finite "
                "number that is not negative"
            )
        if self.conductivity is not None and not self.conductivity > 0.0:
            raise InputError(
                f"conductivity is {self.conductivity!r} S/m; legal is a positive number, infinity "
                "(no ohmic drop), or None for that of Nernst and Planck"
            )
        if not 8 <= self.volumes <= 100_000:
            raise InputError(f"volumes is {self.volumes!r}; legal is a whole number from 8 on")

    @property
    def limiting_current_density(self) -> float:
        """Steady limiting current density of the stack [A/m^2]."""
        return float(
            limiting_current_density(
                self.diffusivity, self.transference_number, self.concentration, self.layers
            )
        )

    @property
    def diffusion_time(self) -> float:
        """Time of diffusion across the stack [s]; see `diffusion_time`."""
        return diffusion_time(self.layers, self.diffusivity)

    def sweep(
        self,
        scan_rate: float,
        v_max: float,
        *,
        sample_interval: float | None = None,
        profiles: bool = False,
        fixed_step: float | None = None,
    ) -> xr.Dataset:
        """Linear sweep of the voltage from 0.

        Parameters
        ----------
        scan_rate : float
            Scan rate [V/s].
        v_max : float
            Voltage at which the sweep ends [V].
        sample_interval : float, optional
            Time between the rows [s], and a last row at the end; by default the steps of the solver
            (which lie closer where more happens).
        profiles : bool, optional
            Add the concentration of every volume; not with `sample_interval`.
        fixed_step : float, optional
            Constant time step [s] without error control, for studies of convergence.

        Returns
        -------
        Dataset
            Over `time` [s]: `voltage` [V], `current_density` [A/m^2], `depleting_concentration` and
            `supplying_concentration` [mol/m^3] at the electrodes; with `profiles` also
            `concentration` and `storage` over `position`. The attributes say how the test ended.

        Raises
        ------
        data.errors.InputError
            If an argument is not legal.
        """
        _positive("scan_rate", scan_rate)
        _positive("v_max", v_max)
        if v_max > 100.0:
            raise InputError(f"v_max is {v_max:g} V; legal is up to 100 V")
        thermal = float(thermal_voltage(self.temperature))
        solver = self._solver(np.sqrt(self.diffusivity * thermal / scan_rate))
        control = VoltageControl(solver, scan_rate / self.diffusivity)
        rows: list[_Row] = []

        def observe(state: State) -> float:
            return control.voltage(state.time)

        longest = self.voltage_step / scan_rate * self.diffusivity
        start = solver.diffusion.start(np.ones_like(solver.mesh.width), 0.0)
        for state, voltage in integrate(
            solver.diffusion,
            start,
            control,
            observe,
            end=v_max / scan_rate * self.diffusivity,
            first=longest / 50.0,
            longest=longest,
            tolerance=self.tolerance,
            voltage_step=2.0 * self.voltage_step,
            fixed=_reduced_step(fixed_step, self.diffusivity),
        ):
            surface = control.surface if rows else 1.0
            rows.append(_row(solver, state, voltage, surface, profiles))
        ended = "v_max" if rows[-1].voltage >= v_max * (1.0 - 1e-9) else "no solution"
        return self._dataset(
            solver, rows, sample_interval, {"scan_rate": scan_rate, "ended_by": ended}
        )

    def constant_current(
        self,
        current_density: float,
        stop_time: float | None = None,
        *,
        cutoff_voltage: float = 1.0,
        sample_interval: float | None = None,
        profiles: bool = False,
        fixed_step: float | None = None,
    ) -> xr.Dataset:
        """Constant current from time 0 until the voltage diverges or the time is over.

        Above the limiting current density the salt at the depleting electrode is used up in a
        finite time (Sand's, while the other electrode is far), where the voltage diverges.

        Parameters
        ----------
        current_density : float
            Current density [A/m^2].
        stop_time : float, optional
            Time at which the test ends if nothing happens [s]; by default safely after
            the salt is used up, or three times the diffusion time where it is not.
        cutoff_voltage : float, optional
            Voltage at which the test ends [V]; the last row is there.
        sample_interval, profiles, fixed_step : optional
            As for `sweep`.

        Returns
        -------
        Dataset
            As of `sweep`. The attribute `ended_by` is `cutoff_voltage`, `stop_time`, or `depletion`
            where the voltage diverged (or the kinetics reached its largest rate) before the cut-off
            could be resolved; `end_time` [s] is the time of the last row.

        Raises
        ------
        data.errors.InputError
            If an argument is not legal.
        """
        _positive("current_density", current_density)
        _positive("cutoff_voltage", cutoff_voltage)
        over = self._depletion_estimate(current_density)
        if stop_time is None:
            stop_time = 2.0 * over if np.isfinite(over) else 3.0 * self.diffusion_time
        _positive("stop_time", stop_time)
        reach = np.sqrt(self.diffusivity * min(over, stop_time, self.diffusion_time))
        solver = self._solver(float(reach))
        flux = current_density / solver.strength
        end = stop_time * self.diffusivity
        half = solver.mesh.half_resistance
        uniform = np.ones_like(solver.mesh.width)
        try:
            at_once = solver.voltage_at(uniform, flux)
        except Infeasible:
            at_once = float("inf")
        if not at_once < cutoff_voltage:
            raise InputError(
                f"at {current_density:g} A/m^2 the cell needs {at_once:.3g} V at once, not below "
                f"the cut-off voltage of {cutoff_voltage:g} V; legal is a smaller current density "
                "or a higher cut-off"
            )
        rows: list[_Row] = []
        ended = "depletion"
        for state, voltage in integrate(
            solver.diffusion,
            solver.diffusion.start(uniform, flux),
            lambda _time, _known, _response: flux,
            lambda state: solver.voltage_at(state.concentration, flux),
            end=end,
            first=min(0.1 * float(solver.mesh.storage[0] * half[0]), end / 10.0),
            longest=end / 20.0,
            tolerance=self.tolerance,
            voltage_step=2.0 * self.voltage_step,
            fixed=_reduced_step(fixed_step, self.diffusivity),
        ):
            surface = float(state.concentration[0] - flux * half[0])
            row = _row(solver, state, voltage, surface, profiles)
            if voltage >= cutoff_voltage:
                rows.append(_between(rows[-1], row, cutoff_voltage))
                ended = "cutoff_voltage"
                break
            rows.append(row)
            if state.time >= end * (1.0 - 1e-9):
                ended = "stop_time"
        attrs = {"current_density": current_density, "ended_by": ended}
        return self._dataset(solver, rows, sample_interval, attrs)

    def _solver(self, boundary_layer: float) -> Solver:
        """Put the cell on a mesh that resolves a boundary layer [m] at the electrodes."""
        strength = (
            FARADAY * self.concentration * self.diffusivity / (1.0 - self.transference_number)
        )
        thermal = float(thermal_voltage(self.temperature))
        if self.conductivity is None:
            ohmic = 2.0 * thermal * self.transference_number
        else:
            ohmic = strength / self.conductivity
        kinetics: Kinetics | None = None
        exchange = float("inf")
        if self.exchange_current_density is not None and self.kinetics != "fast":
            exchange = self.exchange_current_density / strength
            if self.kinetics == "butler_volmer":
                kinetics = ButlerVolmer(self.temperature)
            elif self.reorganization_energy is not None:
                kinetics = MarcusHushChidsey(self.reorganization_energy, self.temperature)
        return Solver(
            build_mesh(self.layers, self.volumes, boundary_layer),
            strength=strength,
            concentration_cell=2.0 * thermal * (1.0 - self.transference_number),
            ohmic=ohmic / self.conductivity_factor,
            series=self.series_resistance * strength,
            kinetics=kinetics,
            exchange=exchange,
        )

    def _depletion_estimate(self, current_density: float) -> float:
        """Time [s] by which the salt is used up at the depleting electrode; infinite if never."""
        if current_density <= self.limiting_current_density:
            return float("inf")
        known = (self.concentration, self.diffusivity, self.transference_number)
        first = self.layers[0]
        if len(self.layers) == 1:
            return float(depletion_time(current_density, *known, *first))
        sand = float(sand_time(current_density, *known, *first[1:]))
        return max(sand, 3.0 * self.diffusion_time)

    def _dataset(
        self,
        solver: Solver,
        rows: "Sequence[_Row]",
        sample_interval: float | None,
        attrs: dict[str, Any],
    ) -> xr.Dataset:
        """Lay the rows out as a labelled dataset, resampled if asked for."""
        scale = self.concentration
        columns: dict[str, Array] = {
            "time": np.array([row.time for row in rows]) / self.diffusivity,
            "voltage": np.array([row.voltage for row in rows]),
            "current_density": np.array([row.flux for row in rows]) * solver.strength,
            "depleting_concentration": np.array([row.depleting for row in rows]) * scale,
            "supplying_concentration": np.array([row.supplying for row in rows]) * scale,
        }
        profiles = rows[0].profile is not None
        if sample_interval is not None:
            _positive("sample_interval", sample_interval)
            if profiles:
                raise InputError("profiles are of the solver's own steps: give no sample_interval")
            columns = _resampled(columns, sample_interval)
        dataset = xr.Dataset({name: ("time", values) for name, values in columns.items()})
        dataset = dataset.set_coords("time")
        if profiles:
            dataset["concentration"] = (
                ("time", "position"),
                np.array([row.profile for row in rows]) * scale,
            )
            dataset = dataset.assign_coords(position=solver.mesh.position)
            dataset["storage"] = ("position", solver.mesh.storage)
        for name in dataset.variables:
            units, label = _UNITS[str(name)]
            dataset[name].attrs = {"units": units, "long_name": label}
        dataset.attrs = {
            **attrs,
            "end_time": float(columns["time"][-1]),
            "limiting_current_density": self.limiting_current_density,
            "diffusion_time": self.diffusion_time,
            "volumes": int(solver.mesh.width.size),
            "steps": len(rows) - 1,
            "sign_convention": "current density positive while the depleting electrode is plated; "
            "voltage of the supplying electrode against the depleting one",
        }
        return dataset


@dataclass(frozen=True, eq=False)
class _Row:
    """What is kept of a step, in the solver's units."""

    time: float
    voltage: float
    flux: float
    depleting: float
    supplying: float
    profile: Array | None


def _row(solver: Solver, state: State, voltage: float, depleting: float, profiles: bool) -> _Row:
    """Keep a state."""
    supplying = float(state.concentration[-1]) + state.flux * solver.last
    profile = state.concentration.copy() if profiles else None
    return _Row(state.time, voltage, state.flux, depleting, supplying, profile)


def _between(before: _Row, after: _Row, voltage: float) -> _Row:
    """Row at a voltage that was crossed within the last, short step."""
    if not np.isfinite(after.voltage):
        return before
    part = (voltage - before.voltage) / (after.voltage - before.voltage)

    def mix(a: float, b: float) -> float:
        return a + part * (b - a)

    profile = None
    if before.profile is not None and after.profile is not None:
        profile = before.profile + part * (after.profile - before.profile)
    return _Row(
        mix(before.time, after.time),
        voltage,
        mix(before.flux, after.flux),
        mix(before.depleting, after.depleting),
        mix(before.supplying, after.supplying),
        profile,
    )


def _resampled(columns: dict[str, Array], interval: float) -> dict[str, Array]:
    """Rows at equal times and the last one, by monotone interpolation."""
    from scipy.interpolate import PchipInterpolator

    time = columns["time"]
    count = int(np.floor(time[-1] / interval * (1.0 + 1e-12)))
    if count > 10_000_000:
        raise InputError(
            f"sample_interval is {interval:g} s for a test of {time[-1]:g} s, which is {count} "
            "rows; legal is at most ten million rows"
        )
    at: Array = np.minimum(np.arange(count + 1) * interval, time[-1])
    if time[-1] - at[-1] > 1e-9 * interval:
        at = np.concatenate([at, time[-1:]])
    keep = np.concatenate([[True], np.diff(time) > 0.0])

    def taken(name: str) -> Array:
        if name == "time":
            return at
        interpolated = PchipInterpolator(time[keep], columns[name][keep])
        return np.asarray(interpolated(at), dtype=np.float64)

    return {name: taken(name) for name in columns}


def _reduced_step(step: float | None, diffusivity: float) -> float | None:
    """Return a fixed time step in the solver's time."""
    if step is None:
        return None
    _positive("fixed_step", step)
    return step * diffusivity


def _positive(name: str, value: float | None) -> None:
    """Refuse what is not a finite positive number."""
    if value is None or not 0.0 < value < np.inf:
        raise InputError(f"{name} is {value!r}; legal is a finite positive number")


def _checked_layer(index: int, layer: Layer) -> Layer:
    """Return a layer of floats, or refuse it."""
    thickness, porosity, macmullin = (float(value) for value in Layer(*layer))
    where = f"layer {index + 1}"
    if not 0.0 <= thickness < np.inf:
        raise InputError(f"{where}: thickness is {thickness!r} m; legal is finite, not negative")
    if not 0.0 < porosity <= 1.0:
        raise InputError(f"{where}: porosity is {porosity!r}; legal is above 0 and at most 1")
    if not 0.0 < macmullin < np.inf:
        raise InputError(f"{where}: macmullin_number is {macmullin!r}; legal is finite, positive")
    return Layer(thickness, porosity, macmullin)
