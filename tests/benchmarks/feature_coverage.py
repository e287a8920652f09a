"""Coverage and false alarms of the curve features on simulated curves; writes the README's table.

Each case draws curves with a known event, or without one, from a seed: `python
tests/benchmarks/feature_coverage.py` draws 300 curves a case, prints the table and writes it
between the markers of data/features/README.md. A curve counts as covered when the feature is an
interval that holds the truth: a missed event is not covered. A false alarm is any event in a curve
without one.
"""

import argparse
import sys
import time as clock
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from data.arrays import Array
from data.errors import FeatureError
from data.features import (
    Feature,
    find_failed_step,
    find_inflexion,
    find_penetration,
    find_plateaus,
    find_sand_time,
)

README = Path(__file__).parents[2] / "data" / "features" / "README.md"
BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"
CURVES = 300
SEED = 20
THERMAL = 0.025693  # RT/F at 298.15 K [V]

type Rng = np.random.Generator


@dataclass
class Curve:
    """A simulated record and what is true of it."""

    record: xr.Dataset
    truth: list[float] = field(default_factory=list)  # each has to be in the interval


@dataclass(frozen=True)
class Case:
    """A kind of curve."""

    feature: str
    name: str
    make: Callable[[Rng], Curve]
    event: bool
    run: Callable[[xr.Dataset], tuple[Feature, ...]]


def record_of(time: Array, voltage: Array, current: Array, **attrs: Any) -> xr.Dataset:
    """Return a record as a reader makes it."""
    columns = {"test_time_second": time, "voltage_volt": voltage, "current_ampere": current}
    units = {"test_time_second": "s", "voltage_volt": "V", "current_ampere": "A"}
    return xr.Dataset(
        {
            name: ("record", np.asarray(values, dtype=float), {"units": units[name]})
            for name, values in columns.items()
        },
        attrs={"file_name": "synthetic", "technique": "unknown", **attrs},
    )


# Noise and sampling -------------------------------------------------------------------------------
def correlated(rng: Rng, n: int, sigma: float, phi: float) -> Array:
    """Return first-order autoregressive noise of a standard deviation."""
    from scipy.signal import lfilter

    steps = rng.normal(size=n) * np.sqrt(1 - phi**2)
    steps[0] = rng.normal()
    noise: Array = sigma * lfilter([1.0], [1.0, -phi], steps)
    return noise


def noisy(rng: Rng, values: Array, kind: str, sigma: float, phi: float | None = None) -> Array:
    """Return values with noise of a kind."""
    n = len(values)
    if kind == "correlated":
        return values + correlated(rng, n, sigma, rng.uniform(0.3, 0.9) if phi is None else phi)
    noise = rng.normal(0, sigma, n)
    if kind == "spikes":
        count = max(1, n // 150)
        at = rng.integers(3, n - 3, count)
        noise[at] += rng.choice([-1, 1], count) * rng.uniform(10, 200, count) * sigma
    if kind == "quantised":
        quantum = 2.5 * sigma
        rounded: Array = np.round((values + noise) / quantum) * quantum
        return rounded
    return values + noise


def sampled(rng: Rng, end: float, kind: str, spacing: float) -> Array:
    """Return test times of a kind, from 0 to an end."""
    if kind != "irregular":
        return np.arange(0.0, end, spacing)
    # Long gaps and short ones, as an instrument writes that records on change and on time.
    gaps = spacing * rng.choice([0.05, 0.3, 1.0, 1.0, 3.0], size=int(4 * end / spacing))
    times = np.cumsum(gaps * rng.uniform(0.8, 1.2, gaps.size))
    return np.concatenate([[0.0], times[times < end]])


# What is no event, and what hides one -------------------------------------------------------------
FALLS = {"slow fall", "exponential"}
CHANNELS = {"frozen", "coarse time"}
SHAPES = ("rectangle", "trapezoid", "half sine", "triangle", "bell", "relaxing")


def excursion(rng: Rng, time: Array, begin: float, length: float) -> Array:
    """Return a shape of height 1 that goes up and comes back."""
    x = (time - begin) / length
    shape = rng.choice(SHAPES)
    inside = (x >= 0) & (x <= 1)
    if shape == "rectangle":
        return inside.astype(float)
    if shape == "trapezoid":
        return np.asarray(np.clip(np.minimum(x, 1 - x) / rng.uniform(0.02, 0.3), 0, 1))
    if shape == "half sine":
        return np.where(inside, np.sin(np.pi * np.clip(x, 0, 1)), 0)
    if shape == "triangle":
        return np.asarray(np.clip(1 - np.abs(2 * x - 1), 0, 1))
    if shape == "bell":
        return np.asarray(np.exp(-0.5 * ((x - 0.5) / 0.17) ** 2))
    return np.where(x >= 0, np.exp(-5 * np.maximum(x, 0)), 0)


def excursions(rng: Rng, time: Array, level: float, until: float = 1.0) -> Array:
    """Return one to three excursions of a voltage, of many heights and lengths [V]."""
    end, spacing = float(time[-1]), float(np.median(np.diff(time)))
    total = np.zeros(len(time))
    for _ in range(int(rng.integers(1, 4))):
        length = max(3 * spacing, until * end * 10 ** rng.uniform(-3.5, -1.2))
        begin = rng.uniform(0.3, max(until - length / end, 0.31)) * end
        height = level * 10 ** rng.uniform(-0.7, 1)
        total = np.maximum(total, height * excursion(rng, time, begin, length))
    return total


def wander(rng: Rng, time: Array) -> Array:
    """Return a slow wave of amplitude 1: of the room's temperature, by day or by the hour."""
    x = time / time[-1]
    periods = rng.uniform(1.5, 12)
    phase = rng.uniform(0, 2 * np.pi)
    wave = np.sin(2 * np.pi * periods * x + phase)
    shape = rng.choice(["sine", "triangle", "thermostat", "two"])
    if shape == "triangle":
        wave = 2 / np.pi * np.arcsin(np.clip(wave, -1, 1))
    if shape == "thermostat":
        wave = np.tanh(3 * wave)
    if shape == "two":
        other = np.sin(2 * np.pi * periods * rng.uniform(0.3, 0.8) * x + rng.uniform(0, 6))
        wave = 0.6 * wave + 0.4 * other
    return np.asarray(wave)


def coarse(rng: Rng, time: Array, most: float = 20.0) -> Array:
    """Return times as they are written with too few digits: rounded, or cut off."""
    tick = min(float(np.median(np.diff(time))) * rng.uniform(1.2, 8), float(time[-1]) / most)
    digits = time / tick
    return tick * (np.round(digits) if rng.random() < 0.5 else np.floor(digits))


# Penetration --------------------------------------------------------------------------------------
def cell_voltage(rng: Rng, time: Array, kind: str) -> Array:
    """Return the voltage of a cell that nothing happens to."""
    end = time[-1]
    level = 10 ** rng.uniform(-1.5, -0.2)
    voltage = level * (
        1 + rng.uniform(0, 0.5) * (1 - np.exp(-time / (rng.uniform(0.02, 0.3) * end)))
    )
    if kind == "drift":
        x = time / end
        voltage = voltage * (1 + rng.uniform(-0.4, 1.5) * x + rng.uniform(-0.3, 0.5) * x**2)
        voltage = voltage + 0.05 * level * np.sin(
            2 * np.pi * (x * rng.uniform(1, 4) + rng.uniform())
        )
    if kind == "nucleation":
        decay = rng.uniform(5, 0.1 * end)
        voltage = voltage * (1 + rng.uniform(0.3, 2) * np.exp(-time / decay))
    return np.asarray(voltage)


def penetration(kind: str, event: bool) -> Callable[[Rng], Curve]:
    """Return a maker of curves of a cell at constant current."""

    def make(rng: Rng) -> Curve:
        spacing = rng.uniform(10, 60) if kind == "slow sampling" else 10 ** rng.uniform(-0.7, 0.5)
        if kind == "dips":  # briefer than ten seconds: else they are soft shorts
            spacing = min(spacing, 1.5)
        rows = int(10 ** rng.uniform(2.3, 3.7))
        if kind in FALLS:
            rows = max(rows, int(400 / spacing))
        time = sampled(rng, rows * spacing, kind, spacing)
        voltage = cell_voltage(rng, time, kind)
        sigma = float(voltage[-1]) * 10 ** rng.uniform(-3.3, -1.7)
        phi = rng.uniform(0.3, 0.9) if kind == "correlated" else 0.0
        truth: list[float] = []
        if kind == "divergence":
            onset = rng.uniform(0.4, 0.7) * time[-1]
            voltage = voltage + np.where(
                time > onset, 3 * (1 - np.exp(-(time - onset) / (0.03 * time[-1]))), 0
            )
        if kind == "clamped":
            # Away to the instrument's limit, early or late, and there to the end.
            onset = max(rng.uniform(0.01, 0.6) * time[-1], 10 * spacing)
            tau = rng.uniform(0.002, 0.1) * onset
            away = 0.05 * np.expm1(np.minimum(np.clip(time - onset, 0, None) / tau, 50))
            before = float(np.interp(onset, time, voltage))
            beyond = max(0.5, 0.5 * before)
            voltage = np.minimum(voltage + away, before + beyond * rng.uniform(2, 10))
            truth = [onset + tau * np.log1p(beyond / 0.05) + 2 * spacing]
        if event or kind == "divergence":
            at = rng.uniform(0.15, 0.85) * time[-1]
            if kind in FALLS:
                at = rng.uniform(0.3, 0.6) * time[-1]
            if kind == "last rows":
                at = float(time[-int(rng.integers(1, 4))]) - rng.uniform(0, 1) * spacing
            if kind == "divergence":
                at = rng.uniform(0.85, 0.95) * time[-1]
            ramp = rng.uniform(1, 18) if kind == "ramp" else 0.0
            before = float(np.interp(at, time, voltage))
            height = before * rng.uniform(0.36, 0.99)
            if kind in {*FALLS, "last rows"}:
                height = before * rng.uniform(0.6, 0.99)
            if kind == "slow fall":
                ramp = rng.uniform(60, 120)
            # Claimed: a height of at least eight standard deviations, times the correlation's
            # factor.
            sigmas = {"last rows": 12, "soft short": 16}.get(kind, 8)
            sigma = min(sigma, height / sigmas / np.sqrt((1 + phi) / (1 - phi)))
            down = np.clip((time - at) / max(ramp, 1e-9), 0, 1)
            share = height / before
            if kind == "exponential":
                tau = float(np.exp(rng.uniform(np.log(20), np.log(0.1 * time[-1]))))
                down = -np.expm1(-np.clip(time - at, 0, None) / tau)
                ramp = tau * np.log(10)  # nine tenths of it
            if kind == "recovery":
                stay = rng.uniform(20, 60) * spacing + 12
                down = np.where(time > at + stay, 0.0, down)
            if kind == "soft short":  # of few rows, and of ten seconds or more
                stay = 10 + max(2 * spacing, rng.uniform(1, 20))
                down = np.where(time > at + stay, 0.0, down)
            voltage = voltage * (1 - share * down)
            truth = [at, at + ramp]
        if kind == "excursion":
            left = at / time[-1] if event and rng.random() < 0.5 else 1.0
            up = excursions(rng, time, float(voltage[0]), left)
            voltage = voltage + (up * (time < at) if event else up)
        if kind == "small drop":
            # Claimed: below a third of the level; one that is told apart from the short.
            first = rng.uniform(0.1, 0.8) * (at if event else time[-1])
            voltage = voltage * np.where(time > first, 1 - rng.uniform(0.05, 0.28), 1.0)
        if kind == "dips":  # brief ones, all alike; without a short the record may end in one
            length = rng.uniform(3.2, 6) * spacing
            until = at - 20 - length if event else time[-1]  # claimed: apart from each other
            count = min(int(rng.integers(2, 9)), max(int(until / (8 * length)), 1))
            period = until / (count + (0.3 if event or rng.random() < 0.5 else 0.0))
            phase = np.fmod(time + length * rng.uniform(0.1, 1), period)
            dip = (phase < length) & (time > 0.5 * period) & (time < until)
            dip |= (time == time[-1]) & dip[-2]
            voltage = np.where(dip, rng.uniform(0, 0.45) * voltage, voltage)
            truth = truth if event else [float(time[~dip][-1] if dip[-1] else time[-1]) + 1e-6]
        sign = rng.choice([-1.0, 1.0])
        current = 10 ** rng.uniform(-5, -2)
        amperes = sign * current * (1 + rng.normal(0, 10 ** rng.uniform(-4, -1.2), len(time)))
        values = noisy(rng, voltage, kind, sigma, phi)
        if kind == "frozen":
            # A stretch, or all that follows, at the last value or at the end of a range.
            stop = at if event else time[-1]
            begin = rng.uniform(0.1, 0.6) * stop
            stays = rng.random() < 0.5 and not event
            finish = time[-1] + 1 if stays else begin + rng.uniform(0.2, 0.6) * (stop - begin)
            dead = (time >= begin) & (time <= finish)
            values[dead] = values[dead][0] * rng.choice([1.0, rng.uniform(0.8, 2)])
            truth = truth if event else [float(time[dead][0] if stays else time[-1])]
        if kind == "coarse time":
            time = coarse(rng, time)
        rest = rng.uniform(0, 30) if rng.random() < 0.3 and kind not in CHANNELS else 0.0
        if rest > 3 * spacing:
            before_step = np.arange(0, rest, spacing)
            time = np.concatenate([before_step, time + rest])
            values = np.concatenate([rng.normal(0, sigma, len(before_step)), values])
            amperes = np.concatenate([np.zeros(len(before_step)), amperes])
        known = event or kind in {"clamped", "frozen", "dips"}
        if rest > 3 * spacing and kind == "clamped":
            truth = [truth[0] + 2 * spacing]
        return Curve(record_of(time, sign * values, amperes), truth if known else [])

    return make


# Plateaus -----------------------------------------------------------------------------------------
def sweep(kind: str, event: bool) -> Callable[[Rng], Curve]:
    """Return a maker of sweeps of a symmetric cell that follow their steady state."""

    def make(rng: Rng) -> Curve:
        limit = 10 ** rng.uniform(-4, -1.5)
        reach = rng.uniform(0.8, 2.0)
        rows = int(10 ** rng.uniform(2.2, 3.7))
        applied = (
            np.sort(rng.uniform(0, reach, rows))
            if kind == "irregular"
            else np.linspace(0, reach, rows)
        )
        resistance = 10 ** rng.uniform(-2, -0.5) * 0.1 / limit
        inner = np.linspace(0, reach + 2, 20_000)
        steady = limit * np.tanh(inner / (4 * THERMAL))
        truth = [limit]
        if kind == "two plateaus":
            second = limit * rng.uniform(0.4, 2)
            at = rng.uniform(0.75, 0.9) * 1.0
            reach = rng.uniform(1.6, 2.2)
            applied = np.linspace(0, reach, rows)
            steady = steady + second / (1 + np.exp(-(inner - at) / 0.03))
            truth = [limit, limit + second]
        if kind == "leak":
            steady = steady + rng.uniform(0.005, 0.06) * limit / (4 * THERMAL) * inner
        if not event:
            if kind == "ohmic":
                steady = limit * inner * (1 + rng.uniform(-0.05, 0.3) * inner)
                resistance = 0.0
            else:  # the series resistance keeps the sweep below the limit
                resistance = reach / limit * rng.uniform(1.1, 4)
        current = np.interp(applied, inner + steady * resistance, steady)
        sigma = limit * 10 ** rng.uniform(-3.5, -2)
        phi = rng.uniform(0.3, 0.9) if kind == "correlated" else 0.0
        values = noisy(rng, current, kind, sigma, phi)
        sign = rng.choice([-1.0, 1.0])
        time = applied / 10 ** rng.uniform(-4, -2)
        return Curve(record_of(time, sign * applied, sign * values), truth)

    return make


# Sand's time --------------------------------------------------------------------------------------
def transient(kind: str, event: bool) -> Callable[[Rng], Curve]:
    """Return a maker of transients of a symmetric cell until its electrolyte is depleted."""

    def make(rng: Rng) -> Curve:
        sand = 10 ** rng.uniform(1, 4)
        rows = int(10 ** rng.uniform(2, 3.7))
        end = sand * (rng.uniform(1.1, 2) if event else rng.uniform(0.4, 0.9))
        if kind == "long at the limit":
            end = sand * rng.uniform(5, 30)
            rows = max(rows, 1000)
        time = sampled(rng, end, kind, end / rows)
        share = time / sand
        # Near depletion the surface concentration does not fall to nothing at once.
        width = 10 ** (rng.uniform(-2.3, -1.5) if kind == "rounded" else rng.uniform(-4, -2.5))
        left = 1 - np.sqrt(share)
        depleting = width * np.logaddexp(0, left / width)
        depleting = np.maximum(depleting, 1e-12)
        enriched = 1 + np.sqrt(share)
        anions = rng.uniform(0.3, 0.8)
        voltage = 2 * anions * THERMAL * np.log(enriched / depleting)
        exchange = 10 ** rng.uniform(-1, 1)  # current over exchange current
        for surface in (depleting, enriched):
            voltage = voltage + 2 * THERMAL * np.arcsinh(exchange / (2 * np.sqrt(surface)))
        # Beyond depletion another reaction takes over, or the instrument's limit.
        limit = rng.uniform(1.0, 5.0)
        beyond = np.clip(share - 1, 0, None)
        voltage = voltage + limit * (1 - np.exp(-beyond / rng.uniform(0.005, 0.05)))
        voltage = voltage + 10 ** rng.uniform(-2, 0)  # ohmic
        if kind == "drift":
            voltage = voltage + rng.uniform(-0.03, 0.05) * share
        if kind == "excursion":
            up = excursions(rng, time, 0.1, 0.5 if event else 1.0)
            # Claimed: one as high as a depletion hides a later one.
            voltage = voltage + np.minimum(up, 0.3 if event else 3.0)
        sigma = 10 ** rng.uniform(-4, -2.3)
        values = noisy(rng, voltage, kind, sigma)
        if kind == "coarse time":
            time = coarse(rng, time)
        if kind == "compliance":
            values = np.minimum(values, float(voltage[0]) + rng.uniform(0.8, limit))
        if not event and kind == "steady":
            level = rng.uniform(0.05, 0.4)
            values = voltage[0] + level * np.tanh(2 * share) + rng.normal(0, sigma, len(time))
        sign = rng.choice([-1.0, 1.0])
        current = np.full(len(time), sign * 1e-3)
        return Curve(record_of(time, sign * values, current), [sand])

    return make


# Inflexion ----------------------------------------------------------------------------------------
def polarisation(kind: str, event: bool) -> Callable[[Rng], Curve]:
    """Return a maker of polarisation curves: levelling off first, then running away."""

    def make(rng: Rng) -> Curve:
        end = 10 ** rng.uniform(2.5, 5)
        rows = int(10 ** rng.uniform(2.3, 4))
        time = sampled(rng, end, kind, end / rows)
        fine = np.linspace(0, 1, 4001)
        settle, height = rng.uniform(0.08, 0.25), 10 ** rng.uniform(-2, -0.7)

        def shape(x: Array) -> Array:
            return np.asarray(height * (1 - np.exp(-x / settle)))

        run: Callable[[Array], Array] = np.zeros_like
        corner = 0.0
        if kind == "corner":
            corner = rng.uniform(0.3, 0.8)
            slope = height * rng.uniform(2, 10)

            def run(x: Array) -> Array:
                return slope * np.clip(x - corner, 0, None)

        elif event or kind == "convex":
            if rng.random() < 0.5:
                tau, size = rng.uniform(0.06, 0.2), height * rng.uniform(0.5, 3)

                def run(x: Array) -> Array:
                    return np.asarray(size * np.exp((x - 1) / tau))
            else:
                pole, power = rng.uniform(1.02, 1.2), rng.uniform(2, 5)
                size = height * rng.uniform(0.1, 0.5)

                def run(x: Array) -> Array:
                    return np.asarray(size / (1 - (x / pole) ** power))

        if kind == "convex":  # and no runaway: that is an event of its own
            rise = float(np.max(run(np.linspace(0, 1, 200))) - run(np.zeros(1))[0])
            share = min(1.0, 0.4 / rise)

            def total(x: Array) -> Array:
                return np.asarray(share * run(x))
        elif kind == "straight":
            rate = height * rng.uniform(-0.5, 1)

            def total(x: Array) -> Array:
                return rate * x
        else:

            def total(x: Array) -> Array:
                return shape(x) + run(x)

        truth: list[float] = []
        if event:
            bend = np.diff(total(fine), 2)
            change = np.flatnonzero((bend[:-1] < 0) & (bend[1:] >= 0))
            truth = [float(fine[change[0] + 1]) * end] if change.size else []
            if kind == "corner":
                truth = [corner * end]
        voltage = total(time / end) + rng.uniform(0.02, 0.3)
        if kind == "wave":
            amplitude = 10 ** rng.uniform(-2.5, -1) if not event else 0.003 * height / voltage[-1]
            voltage = voltage * (1 + amplitude * wander(rng, time))
        if kind == "shift":  # for good, as of another temperature
            width = rng.uniform(0.002, 0.1)
            shift = 0.5 * (1 + np.tanh((time / end - rng.uniform(0.3, 0.8)) / width))
            voltage = voltage * (1 + 10 ** rng.uniform(-2.5, -1.3) * shift)
        if kind == "excursion":
            level = float(voltage[0])
            voltage = voltage + np.minimum(excursions(rng, time, level, 0.5), 10 * level)
        if kind == "drift":
            voltage = voltage + rng.uniform(-0.5, 0.5) * height * time / end
        sigma = height * 10 ** rng.uniform(-3, -1.7)
        phi = rng.uniform(0.3, 0.9) if kind == "correlated" else 0.0
        # Claimed: noise times the correlation's factor of up to 1 % of the levelling off, half of
        # it where an excursion hides a part.
        most = 0.005 if kind == "excursion" else 0.01
        sigma = min(sigma, most * height / np.sqrt((1 + phi) / (1 - phi)))
        values = noisy(rng, voltage, kind, sigma, phi)
        # Claimed: it ends clearly above its level at the inflexion.
        if (
            kind in {"wave", "excursion", "coarse time"}
            and event
            and np.median(voltage[-len(time) // 20 :])
            < 1.05 * np.interp(truth[0] if truth else 0.0, time, voltage)
        ):
            truth = []
        if kind == "coarse time":  # claimed: a hundred stamps
            time = coarse(rng, time, 100)
        return Curve(record_of(time, values, np.full(len(time), 1e-3)), truth)

    def make_with_event(rng: Rng) -> Curve:
        for _ in range(50):
            curve = make(rng)
            times = curve.record["test_time_second"].values
            if curve.truth and 0.1 < curve.truth[0] / times[-1] < 0.85:
                return curve
        raise AssertionError("no curve with an inflexion in 50 draws")

    return make_with_event if event else make


# Steps --------------------------------------------------------------------------------------------
def staircase(kind: str, event: bool) -> Callable[[Rng], Curve]:
    """Return a maker of staircases of currents."""

    def make(rng: Rng) -> Curve:
        count, length = int(rng.integers(4, 12)), rng.uniform(60, 1800)
        spacing = length / rng.integers(40, 300)
        alternating = rng.random() < 0.5 or kind == "magnitude"
        rest = rng.uniform(5, 20) * spacing if rng.random() < 0.5 else 0.0
        first = 10 ** rng.uniform(-4, -2)
        resistance = 10 ** rng.uniform(-2, 0) / (first * count)  # the largest step stays below 1 V
        currents = first * np.arange(1, count + 1)
        failed = int(rng.integers(1, count)) if event else count
        if kind == "rise" and event and alternating:  # claimed: each sign was seen before
            failed = max(failed, 2)
        mode = str(rng.choice(["drop", "between", "runaway"]))
        mode = kind if kind in {"clamped", "rise"} else mode
        sigma = first * resistance * 10 ** rng.uniform(-3, -1.7)
        peak, decay = 0.0, spacing
        if kind == "activation":
            peak, decay = rng.uniform(0.2, 2), rng.uniform(0.3, 10) * spacing
        slight = int(rng.integers(0, max(failed, 1)))
        # A time constant of a start, its growth, and a double layer that was charged the other way.
        slow, growth, turned = 0.0, 0.0, 0.0
        if kind == "slow start":
            slow, growth = rng.uniform(0.01, 0.05, 2) * length
            turned = rng.uniform(1, 2)
        offset = 0.0
        if kind == "offset":  # both signs of each current
            alternating = True
            currents = np.repeat(currents, 2)
            failed, count = 2 * failed, 2 * count
            offset = rng.choice([-1, 1]) * rng.uniform(0.1, 0.6) * first * resistance
        left = np.ones(count)
        if kind == "decline":  # by time, or by Butler and Volmer
            x = np.arange(1, count + 1) / rng.uniform(0.3, 3)
            by_time = (1 - rng.uniform(0.03, 0.15)) ** np.arange(count)
            left = np.arcsinh(x) / x if rng.random() < 0.5 else by_time
        if kind == "rise":  # by time, or as the electrolyte is depleted, within what cells do
            x = rng.uniform(0.3, 0.9) * np.arange(1, count + 1) / count
            by_time = (1 + rng.uniform(0.0, 0.05)) ** np.arange(count)
            left = np.arctanh(x) / x if rng.random() < 0.5 else by_time
        times, volts, amperes = [], [], []
        now, sign, gone = 0.0, 1.0, 1.0
        for k, current in enumerate(currents):
            time = sampled(rng, length, kind, spacing)
            if mode == "between" and k == failed:
                gone = rng.uniform(0.05, 0.5)
            if mode == "rise" and k == failed:  # claimed: to four times, and by 20 mV
                gone = max(4 * 10 ** rng.uniform(0, 1), 1 + 0.02 / (current * resistance))
            relative = time / length
            voltage = current * resistance * gone * (1 + 0.2 * (1 - np.exp(-relative / 0.1)))
            if kind == "drift":
                voltage = voltage * (1 + rng.uniform(-0.1, 0.2) * relative)
            if kind == "slow start":
                since = (time + spacing) / (slow + growth * k / count)
                voltage = voltage * (1 - turned * np.exp(-since))
            voltage = voltage * left[k]
            if k == failed and mode == "drop":
                gone = rng.uniform(0.02, 0.6)
                voltage = voltage * np.where(relative > rng.uniform(0.15, 0.85), gone, 1.0)
            if k == failed and mode == "runaway":
                onset = rng.uniform(0.3, 0.8)
                late = np.clip(relative - onset, 0, None)
                voltage = voltage + 3 * (1 - np.exp(-late / 0.05))
            if k == failed and mode == "clamped":
                away = np.expm1(np.clip(relative - rng.uniform(0.1, 0.5), 0, None) / 0.005)
                voltage = np.minimum(voltage + 0.05 * np.minimum(away, 1e3), 5)
            if kind == "excursion" and k != failed and rng.random() < 0.5:
                voltage = voltage + excursions(rng, time, float(voltage[0]))
            if kind == "small drop" and k == slight:
                gone = rng.uniform(0.78, 0.95)
                voltage = voltage * np.where(relative > rng.uniform(0.25, 0.85), gone, 1.0)
            if kind == "cut off" and k == count - 1:
                kept = time < rng.uniform(0.1, 0.7) * length
                time, voltage = time[kept], voltage[kept]
            voltage = voltage * (1 + peak * np.exp(-time / decay))
            times.append(now + time)
            volts.append(offset + sign * noisy(rng, voltage, kind, sigma))
            amperes.append(np.full(len(time), sign * current))
            now += length
            if rest:
                pause = np.arange(0.0, rest, spacing)
                times.append(now + pause)
                volts.append(offset + rng.normal(0, sigma, len(pause)))
                amperes.append(np.zeros(len(pause)))
                now += rest
            if alternating:
                sign = -sign
        time, current = np.concatenate(times), np.concatenate(amperes)
        if kind == "magnitude":
            current = np.abs(current)
        if kind == "coarse time":
            time = coarse(rng, time)
        record = record_of(time, np.concatenate(volts), current)
        if not event:
            return Curve(record, [float(currents[-2])] if kind == "cut off" else [])
        return Curve(record, [float(0.5 * (currents[failed - 1] + currents[failed]))])

    return make


# Counting -----------------------------------------------------------------------------------------
def one(find: Callable[[xr.Dataset], Feature]) -> Callable[[xr.Dataset], tuple[Feature, ...]]:
    """Return a function that gives the feature as a tuple."""
    return lambda record: (find(record),)


def cases() -> list[Case]:
    """Return every kind of curve that the algorithms claim to handle."""
    found: list[Case] = []

    def add(
        feature: str,
        make: Callable[[str, bool], Callable[[Rng], Curve]],
        run: Callable[[xr.Dataset], tuple[Feature, ...]],
        events: tuple[str, ...],
        without: tuple[str, ...],
    ) -> None:
        found.extend(Case(feature, name, make(name, True), True, run) for name in events)
        found.extend(Case(feature, name, make(name, False), False, run) for name in without)

    noise = ("white", "correlated", "spikes", "drift", "irregular", "quantised")
    add(
        "penetration",
        penetration,
        one(find_penetration),
        (
            *noise,
            "ramp",
            "slow fall",
            "exponential",
            "slow sampling",
            "recovery",
            "soft short",
            "last rows",
            "excursion",
            "small drop",
            "frozen",
            "coarse time",
            "dips",
        ),
        (
            *noise,
            "nucleation",
            "divergence",
            "clamped",
            "excursion",
            "small drop",
            "frozen",
            "coarse time",
            "dips",
        ),
    )
    add(
        "plateau",
        sweep,
        find_plateaus,
        ("white", "correlated", "spikes", "irregular", "leak", "two plateaus"),
        ("white", "correlated", "spikes", "irregular", "ohmic"),
    )
    add(
        "Sand's time",
        transient,
        one(find_sand_time),
        (*noise[:5], "rounded", "compliance", "long at the limit", "excursion", "coarse time"),
        (*noise[:5], "steady", "excursion", "coarse time"),
    )
    add(
        "inflexion",
        polarisation,
        one(find_inflexion),
        (*noise, "corner", "wave", "excursion", "coarse time"),
        (*noise[:5], "straight", "convex", "wave", "shift", "excursion", "coarse time"),
    )
    worlds = ("slow start", "offset", "decline", "rise")
    add(
        "failed step",
        staircase,
        one(find_failed_step),
        (*noise[:5], "clamped", "excursion", "small drop", "magnitude", "coarse time", *worlds),
        (*noise[:5], "activation", "cut off", "excursion", "small drop", "magnitude", *worlds),
    )
    return found


def verdict(case: Case, curve: Curve, features: tuple[Feature, ...]) -> bool:
    """Return whether a curve with an event is covered, or one without raised an alarm."""
    if not features:
        return False
    if not case.event:
        alarm = any(feature.kind != "right" for feature in features)
        # A bound beyond what happened is as wrong as an event that did not.
        bound = bool(curve.truth) and (case.feature, case.name) != ("plateau", "ohmic")
        bound = bound and case.feature != "Sand's time"
        return alarm or (bound and not features[0].holds(curve.truth[0]))
    if case.feature == "plateau":
        return len(features) == len(curve.truth) and all(
            feature.kind == "interval" and feature.holds(truth)
            for feature, truth in zip(features, curve.truth, strict=True)
        )
    feature = features[0]
    return feature.kind == "interval" and all(feature.holds(truth) for truth in curve.truth)


def count(case: Case, curves: int, seed: int = SEED) -> tuple[int, float]:
    """Return in how many curves of a case the verdict is true, and the median relative width."""
    name = f"{case.feature}/{case.name}/{case.event}"
    rng = np.random.default_rng([seed, *name.encode()])
    hits, widths = 0, []
    for _ in range(curves):
        curve = case.make(rng)
        try:
            features = case.run(curve.record)
        except FeatureError:  # neither covered nor an alarm
            features = ()
        hits += verdict(case, curve, features)
        widths += [
            (feature.upper - feature.lower) / curve.truth[0]
            for feature in features[:1]
            if feature.lower is not None and feature.upper is not None and curve.truth
        ]
    return hits, float(np.median(widths)) if widths else float("nan")


def table(rows: list[tuple[Case, int, float, int]]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| feature | curves | with an event: covered | width | without one: false alarms |",
        "|---|---|---|---|---|",
    ]
    merged: dict[tuple[str, str], list[str]] = {}
    for case, hits, width, curves in rows:
        cells = merged.setdefault((case.feature, case.name), ["–", "–", "–"])
        cells[0 if case.event else 2] = f"{100 * hits / curves:.1f} %"
        if case.event:
            cells[1] = f"{100 * width:.2g} %"
    for (feature, name), cells in merged.items():
        lines.append(f"| {feature} | {name} | {' | '.join(cells)} |")
    totals = []
    for event, words in ((True, "with an event covered"), (False, "without one false alarms")):
        every = sum(curves for case, _, _, curves in rows if case.event == event)
        hits = sum(hits for case, hits, _, _ in rows if case.event == event)
        totals.append(f"of {every} curves {words}: {100 * hits / max(every, 1):.2f} %")
    return "\n".join([*lines, "", f"All together, {'; '.join(totals)}."])


def main() -> None:
    """Count every case, print the table and write it into the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=CURVES, help="curves a case")
    parser.add_argument("--feature", help="only this feature; nothing is written")
    chosen = parser.parse_args()
    rows = []
    for case in cases():
        if chosen.feature and chosen.feature not in case.feature:
            continue
        begin = clock.perf_counter()
        hits, width = count(case, chosen.curves)
        spent = (clock.perf_counter() - begin) / chosen.curves
        kind = "covered" if case.event else "alarms "
        share = 100 * hits / chosen.curves
        print(
            f"{case.feature:<12} {case.name:<14} {kind} {share:6.1f} %  "
            f"width {100 * width:7.3g} %  {1e3 * spent:6.1f} ms",
            flush=True,
        )
        rows.append((case, hits, width, chosen.curves))
    if chosen.feature:
        return
    text = README.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        sys.exit(f"{README} has no markers {BEGIN} and {END}")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    body = f"\n{chosen.curves} curves a case, seed {SEED}.\n\n{table(rows)}\n"
    README.write_text(f"{head}{BEGIN}{body}{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
