"""The algebra of a cell on a mesh: its voltage at a given flux, and the flux at a given voltage.

Concentrations are in units of the initial one, time is ``D t`` [m^2], and the current is the flux
``u = j (1 - t+)/(F c0 D)`` [1/m].
"""

from collections.abc import Callable

import numpy as np

from data.arrays import Array
from models.transient_cell.kinetics import Kinetics
from models.transient_cell.mesh import Mesh
from models.transient_cell.stepping import Diffusion, Infeasible

__all__ = ["Solver", "VoltageControl"]


class Solver:
    """The algebra of a cell.

    Parameters
    ----------
    mesh : Mesh
        Its finite volumes.
    strength : float
        Current density of a flux of one, ``F c0 D/(1 - t+)`` [A/m].
    concentration_cell : float
        Voltage of the concentration cell over ``ln(c_L/c_0)`` [V].
    ohmic : float
        Ohmic drop in the open electrolyte of the initial concentration, of a flux of one over a
        length [V].
    series : float
        Voltage over the resistance in series, of a flux of one [V m].
    kinetics : Kinetics, optional
        Charge transfer at both electrodes; None has no overpotential.
    exchange : float, optional
        Exchange current density at the initial concentration as a flux [1/m].
    """

    def __init__(
        self,
        mesh: Mesh,
        *,
        strength: float,
        concentration_cell: float,
        ohmic: float,
        series: float,
        kinetics: Kinetics | None = None,
        exchange: float = float("inf"),
    ) -> None:
        self.mesh = mesh
        self.diffusion = Diffusion(mesh)
        self.strength = strength
        self.concentration_cell = concentration_cell
        self.ohmic = ohmic
        self.series = series
        self.kinetics = kinetics
        self.exchange = exchange
        half = mesh.half_resistance
        self.first, self.last = float(half[0]), float(half[-1])
        self._segments = np.repeat(half, 2)
        self._nodes = np.empty(2 * half.size + 1)
        between = half[1:] + half[:-1]
        self._left, self._right = half[1:] / between, half[:-1] / between

    def voltage(
        self, concentration: Array, flux: float, log_depleting: float, depleting_eta: float
    ) -> float:
        """Voltage [V] given the logarithm of ``c/c0`` and the overpotential where it depletes."""
        supplying = float(concentration[-1]) + flux * self.last
        voltage = (
            self.concentration_cell * (float(np.log(supplying)) - log_depleting)
            + self.series * flux
            + depleting_eta
        )
        if self.ohmic > 0.0:
            voltage += self.ohmic * flux * self._resistance(concentration, supplying, log_depleting)
        if self.kinetics is not None:
            ratio = flux / (self.exchange * float(np.sqrt(supplying)))
            voltage += self.kinetics.overpotential(ratio)
        return voltage

    def _resistance(self, concentration: Array, supplying: float, log_depleting: float) -> float:
        """``int N_M/(c/c0) dx`` [m], exact where the concentration is piecewise linear."""
        nodes = self._nodes
        nodes[0], nodes[-1] = np.exp(log_depleting), supplying
        nodes[1::2] = concentration
        nodes[2:-1:2] = self._left * concentration[:-1] + self._right * concentration[1:]
        if nodes[1:].min() <= 0.0:
            raise Infeasible
        logs = np.log(nodes[1:])
        rise = nodes[1:] - nodes[:-1]
        log_rise = np.empty_like(rise)
        log_rise[0] = logs[0] - log_depleting
        log_rise[1:] = logs[1:] - logs[:-1]
        inverse = 2.0 / (nodes[1:] + nodes[:-1])
        np.divide(log_rise, rise, out=inverse, where=np.abs(rise) > 1e-4 * nodes[1:])
        return float(self._segments @ inverse)

    def voltage_at(self, concentration: Array, flux: float) -> float:
        """Voltage [V] of a state whose flux is given; infinite beyond the largest rate."""
        depleting = float(concentration[0]) - flux * self.first
        if depleting <= 0.0:
            raise Infeasible
        eta = 0.0
        if self.kinetics is not None:
            eta = self.kinetics.overpotential(flux / (self.exchange * float(np.sqrt(depleting))))
        if not np.isfinite(eta):
            return float("inf")
        return self.voltage(concentration, flux, float(np.log(depleting)), eta)


class VoltageControl:
    """The flux at which the cell has the voltage of a sweep.

    One scalar unknown fixes the whole state: with fast kinetics ``w = -ln(c/c0)`` at the depleting
    electrode, otherwise ``w = ln eta`` of the overpotential [V] there. In either the voltage is
    smooth and increasing down to vanishing concentrations, where it is stiff in the flux.
    """

    def __init__(self, solver: Solver, rate: float) -> None:
        self._solver = solver
        self._rate = rate  # of the voltage in reduced time [V/m^2]
        self._last: tuple[float, float] | None = None  # unknown, slope of the voltage in it
        self.surface = 1.0

    def voltage(self, time: float) -> float:
        """Voltage [V] that the sweep has reached at a reduced time."""
        return self._rate * time

    def __call__(self, time: float, known: Array, response: Array) -> float:
        """Return the flux [1/m]."""
        solver = self._solver
        # At the depleting electrode c/c0 = free - reach u.
        free = float(known[0])
        reach = solver.first - float(response[0])
        if free <= 0.0:
            raise Infeasible
        target = self.voltage(time)
        kinetics = solver.kinetics

        def state(w: float) -> tuple[float, float, float]:
            """Flux, logarithm of the concentration and overpotential where it depletes."""
            if kinetics is None:
                return (free - float(np.exp(-w))) / reach, -w, 0.0
            eta = float(np.exp(w))
            rate = solver.exchange * kinetics.ratio(eta)
            root = 2.0 * free / (reach * rate + float(np.hypot(reach * rate, 2.0 * free**0.5)))
            return rate * root, 2.0 * float(np.log(root)), eta

        def excess(w: float) -> float:
            flux, log_depleting, eta = state(w)
            return solver.voltage(known + flux * response, flux, log_depleting, eta) - target

        if self._last is None:
            start = (
                (0.0, solver.concentration_cell)
                if kinetics is None
                else (float(np.log(target / 4.0)), target)
            )
        else:
            start = self._last
        w, slope = _increasing_root(excess, *start, 1e-9 * target + 1e-13)
        self._last = (w, slope)
        flux, log_depleting, _ = state(w)
        self.surface = float(np.exp(log_depleting))
        return flux


def _increasing_root(
    function: Callable[[float], float], start: float, slope: float, tolerance: float
) -> tuple[float, float]:
    """Root of an increasing function and its slope there, by secants kept within a bracket."""
    low, high = -np.inf, np.inf
    x, value = start, function(start)
    for _ in range(80):
        if abs(value) <= tolerance:
            return x, slope
        if value > 0.0:
            high = x
        else:
            low = x
        following = x - min(3.0, max(-3.0, value / slope))
        if not low < following < high:
            following = (low + high) / 2.0
        if following == x:
            return x, slope
        reached = function(following)
        chord = (reached - value) / (following - x)
        if chord > 0.0 and np.isfinite(chord):
            slope = chord
        x, value = following, reached
    raise Infeasible
