"""Bare and corrected plateaus of simulated sweeps against the D/(1 - t+) that made them.

Every cell's truth is drawn from the spread that the correction is told of: D, transference number,
porosity, MacMullin number, conductivity and noise of the current. The correction knows the nominal
values only. Ratios are estimate over truth; z is the logarithm of the corrected one over its sd.
"""

import argparse
import time
from dataclasses import dataclass, replace

import numpy as np

from data.errors import InputError
from models.physics import Layer, limiting_current_density
from models.transient_cell import TransientCell, plateau_correction, plateau_reading

THICKNESSES = (25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3)
SCAN_RATES = (1e-3, 2e-3, 5e-3)
RANGE = (0.6, 1.0)  # voltages between which the plateau is read [V]
NOISE = 0.01  # of the plateau
SPREAD = {
    "transference_number_sd": 0.10,
    "porosity_sd": 0.03,
    "macmullin_number_sd": 0.10,
    "conductivity_sd": 0.3,
}
SMALL_CELL_SD = 0.10  # of ln D/(1 - t+) where nothing is wrong: noise and MacMullin number
DIFFUSIVITY_SPREAD = 0.5  # of ln D: what is sought


@dataclass(frozen=True)
class Trial:
    """One simulated sweep: ratios to the truth."""

    thickness: float
    scan_rate: float
    swept: float
    bare: float
    corrected: float
    sd: float
    simulations: int
    seconds: float

    @property
    def z(self) -> float:
        """Deviation of the logarithm in standard deviations."""
        return float(np.log(self.corrected) / self.sd)


def nominal(thickness: float) -> TransientCell:
    """Cell as it is believed to be: a stack of trilayer separators."""
    return TransientCell(
        layers=[Layer(thickness, 0.39, 4.11)],
        diffusivity=2.14e-10,
        transference_number=0.59,
        concentration=1000.0,
    )


def drawn(cell: TransientCell, generator: np.random.Generator) -> TransientCell:
    """Cell as it is."""
    thickness, porosity, macmullin = cell.layers[0]

    def logit_normal(value: float, sd: float) -> float:
        logit = np.log(value / (1.0 - value)) + sd / (value * (1.0 - value)) * generator.normal()
        return float(1.0 / (1.0 + np.exp(-logit)))

    def lognormal(value: float, sd: float) -> float:
        return float(value * np.exp(sd * generator.normal()))

    return replace(
        cell,
        layers=[
            Layer(
                thickness,
                logit_normal(float(porosity), SPREAD["porosity_sd"]),
                lognormal(float(macmullin), SPREAD["macmullin_number_sd"]),
            )
        ],
        diffusivity=lognormal(cell.diffusivity, DIFFUSIVITY_SPREAD),
        transference_number=logit_normal(
            cell.transference_number, SPREAD["transference_number_sd"]
        ),
        conductivity_factor=lognormal(1.0, SPREAD["conductivity_sd"]),
    )


def trial(thickness: float, scan_rate: float, generator: np.random.Generator) -> Trial | None:
    """Simulate a sweep of a drawn cell, read it, and correct the reading; None if refused."""
    believed = nominal(thickness)
    while True:
        cell = drawn(believed, generator)
        sweep = cell.sweep(scan_rate, RANGE[1])
        peak = int(np.argmax(sweep["current_density"].values))
        # A current that still rises is no plateau, and nobody would read it as one.
        if scan_rate * cell.diffusion_time < 1.0 or float(sweep["voltage"][peak]) < RANGE[0]:
            break
    measured = plateau_reading(sweep, RANGE)
    measured *= float(np.exp(NOISE * generator.normal()))
    begin = time.perf_counter()
    try:
        found = plateau_correction(
            believed,
            scan_rate=scan_rate,
            read_at=RANGE,
            plateau_current_density=measured,
            plateau_sd=NOISE * measured,
            **SPREAD,
        )
    except InputError:
        return None
    seconds = time.perf_counter() - begin
    truth = cell.diffusivity / (1.0 - cell.transference_number)
    unit_limit = limiting_current_density(1.0, 0.0, cell.concentration, believed.layers)
    estimate = found.diffusivity_over_anion_transference
    return Trial(
        thickness,
        scan_rate,
        found.swept_potential,
        measured / float(unit_limit) / truth,
        estimate / truth,
        found.diffusivity_over_anion_transference_sd / estimate,
        found.simulations,
        seconds,
    )


def trials(
    seed: int,
    thicknesses: tuple[float, ...] = THICKNESSES,
    scan_rates: tuple[float, ...] = SCAN_RATES,
    repeats: int = 1,
) -> list[Trial | None]:
    """Run all trials, each with a generator of its own."""
    places = [(x, v) for x in thicknesses for v in scan_rates for _ in range(repeats)]
    seeds = np.random.SeedSequence(seed).spawn(len(places))
    return [
        trial(x, v, np.random.default_rng(own)) for (x, v), own in zip(places, seeds, strict=True)
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    attempted = trials(options.seed, repeats=options.repeats)
    done = [t for t in attempted if t is not None]
    print("| L [um] | scan rate [mV/s] | swept [V] | bare/true | corrected/true | sd of ln | z |")
    print("|---|---|---|---|---|---|---|")
    for begin in range(0, len(attempted), options.repeats):
        group = [t for t in attempted[begin : begin + options.repeats] if t is not None]
        if not group:
            continue
        first = group[0]

        def middle(values: list[float]) -> float:
            return float(np.median(values))

        print(
            f"| {first.thickness * 1e6:g} | {first.scan_rate * 1e3:g} "
            f"| {middle([t.swept for t in group]):.2g} | {middle([t.bare for t in group]):.2f} "
            f"| {middle([t.corrected for t in group]):.2f} "
            f"| {middle([t.sd for t in group]):.2f} "
            f"| {', '.join(f'{t.z:+.1f}' for t in group)} |"
        )
    print()
    for name, group in (
        ("swept potential up to 0.75 V", [t for t in done if t.swept <= 0.75]),
        ("0.75 V to 5 V", [t for t in done if 0.75 < t.swept <= 5.0]),
        ("above 5 V", [t for t in done if t.swept > 5.0]),
    ):
        bare = np.log([t.bare for t in group])
        print(
            f"{name}: {len(group)} sweeps, bare plateau {np.exp(np.median(bare)) - 1.0:+.0%} "
            f"(median), within 1.96 of the sd of a small cell "
            f"{np.mean(np.abs(bare) < 1.96 * SMALL_CELL_SD):.0%}; corrected "
            f"{np.median([t.corrected for t in group]) - 1.0:+.0%}, within 1.96 sd "
            f"{np.mean([abs(t.z) < 1.96 for t in group]):.0%}"
        )
    z = np.array([t.z for t in done])
    print(
        f"all {len(z)} sweeps: {np.mean(np.abs(z) < 1.0):.0%} within 1 sd, "
        f"{np.mean(np.abs(z) < 1.96):.0%} within 1.96 sd; "
        f"{np.mean([t.simulations for t in done]):.0f} simulations and "
        f"{np.mean([t.seconds for t in done]):.1f} s a correction; "
        f"{len(attempted) - len(done)} refused"
    )


if __name__ == "__main__":
    main()
