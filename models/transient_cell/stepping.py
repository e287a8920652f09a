"""Implicit steps of linear diffusion whose boundary flux is found from the cell's voltage.

Notes
-----
In ``c/c0`` and ``D t`` the salt obeys ``S dc/dt = K c + u e``: S is the storage of the volumes, K
their exchange, u the flux at both electrodes [1/m] and ``e = (-1, 0, ..., 0, 1)``. An implicit
stage gives ``c = a + u b`` with two tridiagonal solutions, so that the whole algebraic side of the
problem, kinetics and ohmic drop included, is one equation in the scalar u.

The steps are TR-BDF2: a trapezoidal stage to ``gamma = 2 - sqrt 2`` of the step and a backward
difference to its end, both with one matrix, second order and L-stable, with the embedded error
estimate damped by that matrix.

References
----------
Hosea & Shampine, Appl. Numer. Math. 20 (1996) 21, doi:10.1016/0168-9274(95)00115-8.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.linalg import lapack

from data.arrays import Array
from models.transient_cell.mesh import Mesh

__all__ = ["Diffusion", "Infeasible", "State", "integrate"]


type Control = Callable[[float, Array, Array], float]
"""Flux u [1/m] at a reduced time, where the concentrations of the volumes are ``a + u b``."""

type Observe = Callable[["State"], float]
"""Voltage [V] of a state."""

_GAMMA: Final = 2.0 - np.sqrt(2.0)
_ERROR: Final = (-3.0 * _GAMMA**2 + 4.0 * _GAMMA - 2.0) / (12.0 * (2.0 - _GAMMA))
_SHORTEST: Final = 1e-14  # of the time reached: nothing shorter moves the clock
_SAFETY: Final = 0.85
_GROWTH: Final = 2.0


class Infeasible(Exception):  # noqa: N818 - no error: the step is too long
    """No flux fulfils the control at the end of a stage."""


@dataclass(frozen=True, eq=False)
class State:
    """The cell at one time: reduced time [m^2], ``c/c0`` of the volumes, flux u, dc/dt."""

    time: float
    concentration: Array
    flux: float
    rate: Array


class Diffusion:
    """Linear diffusion on a mesh, with one flux at both electrodes."""

    def __init__(self, mesh: Mesh) -> None:
        half = mesh.half_resistance
        self.storage = mesh.storage
        self.exchange = 1.0 / (half[1:] + half[:-1])
        self._diagonal = np.zeros(self.storage.size)
        self._diagonal[:-1] += self.exchange
        self._diagonal[1:] += self.exchange

    def start(self, concentration: Array, flux: float) -> State:
        """State at time 0."""
        between = self.exchange * np.diff(concentration)
        rate = np.zeros_like(concentration)
        rate[:-1] += between
        rate[1:] -= between
        rate[0] -= flux
        rate[-1] += flux
        return State(0.0, concentration, flux, rate / self.storage)

    def step(self, state: State, length: float, control: Control) -> tuple[State, float]:
        """Return the state a step later and the estimate of its error in ``c/c0``."""
        delta = _GAMMA / 2.0 * length
        off = -delta * self.exchange
        *factors, info = lapack.dgttrf(off, self.storage + delta * self._diagonal, off)
        if info:
            raise Infeasible

        def solve(right: Array) -> Any:
            return lapack.dgttrs(*factors, right)[0]

        unit = np.zeros_like(self.storage)
        unit[0], unit[-1] = -delta, delta
        response = solve(unit)
        c0, f0 = state.concentration, state.rate

        known = c0 + delta * f0
        part = solve(self.storage * known)
        flux = control(state.time + _GAMMA * length, part, response)
        c1 = part + flux * response
        f1 = (c1 - known) / delta

        known = (c1 - (1.0 - _GAMMA) ** 2 * c0) / (_GAMMA * (2.0 - _GAMMA))
        part = solve(self.storage * known)
        flux = control(state.time + length, part, response)
        c2 = part + flux * response
        f2 = (c2 - known) / delta

        error = f0 / _GAMMA - f1 / (_GAMMA * (1.0 - _GAMMA)) + f2 / (1.0 - _GAMMA)
        error = solve(self.storage * (2.0 * _ERROR * length * error))
        return State(state.time + length, c2, flux, f2), float(np.abs(error).max())


def integrate(
    diffusion: Diffusion,
    state: State,
    control: Control,
    observe: Observe,
    *,
    end: float,
    first: float,
    longest: float,
    tolerance: float,
    voltage_step: float,
    fixed: float | None = None,
) -> Iterator[tuple[State, float]]:
    """Step from a state to the end; yield each state with its voltage, the first one included.

    Stops early, without an error, where no step however short is feasible: the salt at the
    depleting electrode is used up, or the kinetics has reached its largest rate.

    Parameters
    ----------
    diffusion : Diffusion
        The salt.
    state : State
        Where to begin.
    control, observe : callable
        The flux that the control of the experiment asks for, and the voltage of a state.
    end, first, longest : float
        End of the integration, first step and longest step, in reduced time [m^2].
    tolerance : float
        Error of ``c/c0`` allowed in a step.
    voltage_step : float
        The voltage [V] changes by about this much at most in a step.
    fixed : float, optional
        Constant step instead, whatever the error: for studies of convergence.
    """
    voltage = observe(state)
    yield state, voltage
    length = fixed or first
    while state.time < end * (1.0 - 1e-12):
        left = end - state.time
        length = min(length, longest)
        # Two equal last steps rather than a sliver.
        trial = left if length >= left * (1.0 - 1e-9) else min(length, left / 2.0)
        if trial <= _SHORTEST * state.time:
            return
        try:
            following, error = diffusion.step(state, trial, control)
            reached = observe(following)
        except Infeasible:
            length = trial / 4.0
            continue
        if fixed is None:
            ratio = max(error / tolerance, 1e-9)
            change = max(abs(reached - voltage) / voltage_step, 1e-9)
            if ratio > 1.0 or change > 2.0:
                length = trial * max(0.1, min(_SAFETY * ratio ** (-1 / 3), 1.0 / change, 0.7))
                continue
            length = trial * min(_GROWTH, _SAFETY * ratio ** (-1 / 3), 1.0 / change)
        state, voltage = following, reached
        yield state, voltage
