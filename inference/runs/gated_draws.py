"""Draws of a posterior that pass the gate: sampled again in smaller steps, and in longer chains."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import xarray as xr

from inference.engine.prediction import Predictor
from inference.engine.sampling import (
    Sampler,
    convergence,
    energy_information,
    in_smaller_steps,
    moved_intervals,
    scalars,
)
from inference.jobs.job import MOST_DRAWS, SamplerSection
from inference.runs.gate import Gate, check_gate, longer_chains_may_do
from inference.runs.tree import (
    split_draws,
)
from inference.thresholds import INTERVAL, STEADIEST_TARGET_ACCEPT, STEADY_TARGET_ACCEPT
from inference.words.labels import first_of_many

__all__ = ["Timings", "draw_until_gate"]

logger = logging.getLogger(__name__)


_SHOWN = 5


class Timings(dict[str, float]):
    """Seconds by stage."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage, which may come again, and log it."""
        begin = time.perf_counter()
        yield
        took = time.perf_counter() - begin
        self[name] = self.get(name, 0.0) + took
        logger.info("%s %.2f s", name, took)


def _sample(
    compiled: Sampler,
    section: SamplerSection,
    history: list[str],
    progress: bool,
    steadiest: float = STEADY_TARGET_ACCEPT,
) -> tuple[xr.Dataset, xr.Dataset, SamplerSection]:
    """Sample, again in smaller steps where transitions diverged; note what was sampled again."""
    smaller = (STEADY_TARGET_ACCEPT, STEADIEST_TARGET_ACCEPT)
    accepts = [section.target_accept]
    accepts += [each for each in smaller if section.target_accept < each <= steadiest]
    for tried in in_smaller_steps(compiled, accepts, **section.sampling, progress=progress):
        told = f"{tried.divergences} divergent transitions at target_accept {tried.target_accept:g}"
        logger.info("sampled: %s", told)
        if tried.divergences and tried.target_accept != accepts[-1]:
            history.append(f"{told} in {section.draws} draws a chain")
    return (
        tried.posterior,
        tried.sample_stats,
        section.model_copy(update={"target_accept": tried.target_accept}),
    )


@dataclass(frozen=True)
class GatedDraws:
    """Draws of the posterior, what follows from them, and the verdict on their sampling."""

    posterior: xr.Dataset
    internal: xr.Dataset
    sample_stats: xr.Dataset
    after: dict[str, xr.Dataset]
    diagnostics: Any
    gate: Gate


def draw_until_gate(
    compiled: Sampler,
    predictor: Predictor,
    asked: SamplerSection,
    noise: int,
    timings: Timings,
    progress: bool,
) -> GatedDraws:
    """Sample, in longer and longer chains until the gate passes or a limit is reached.

    The sampler cannot go on where it stopped, so that every attempt begins anew, with the same
    seed. It takes seconds; and warming up for longer is half of what helps.
    """
    section, first = asked, None
    history: list[str] = []
    while True:
        with timings.stage("sample"):
            steadiest = STEADY_TARGET_ACCEPT if first is None else STEADIEST_TARGET_ACCEPT
            sampled, sample_stats, section = _sample(
                compiled, section, history, progress, steadiest
            )
        with timings.stage("predict"):
            after = predictor.evaluate(sampled, noise, row_by_row=True, to_store=True)
        with timings.stage("diagnose"):
            posterior, internal = split_draws(sampled, after["derived"])
            diagnostics = convergence(scalars(posterior.merge(internal)))
            verdict = (
                diagnostics,
                int(sample_stats["diverging"].sum()),
                energy_information(sample_stats),
            )
        longer = section.model_copy(
            update={"draws": 2 * section.draws, "tune": min(2 * section.tune, MOST_DRAWS)}
        )
        if (
            sample_stats.attrs.get("solutions_not_weighed")
            or longer.draws > asked.resolved_most_draws
            or not longer_chains_may_do(*verdict, section)
        ):
            break
        if first is None:
            first = posterior, check_gate(*verdict).failures
        logger.info("drawing on: %d draws a chain are not enough", section.draws)
        section = longer
    drawn_on = {}
    if first is not None:
        drawn_on = _drawn_on(asked, section, first[1], scalars(first[0]), scalars(posterior))
    gate = check_gate(
        *verdict, history, sampler=section, drawn_on=drawn_on, solutions=sample_stats.attrs
    )
    return GatedDraws(posterior, internal, sample_stats, after, diagnostics, gate)


def _drawn_on(
    asked: SamplerSection,
    section: SamplerSection,
    failures: Sequence[str],
    before: xr.Dataset,
    after: xr.Dataset,
) -> dict[str, str]:
    """Say how far draws went on, why, and which intervals that has moved."""
    moved = moved_intervals(before, after)
    told = [
        f"{name} from {one[0]:.3g} to {one[1]:.3g} became {other[0]:.3g} to {other[1]:.3g}"
        for name, (one, other) in moved.items()
    ]
    return {
        "draws a chain": (
            f"drawn on to {section.draws} instead of {asked.draws}, with which the gate failed: "
            + "; ".join(failures)
        ),
        f"{INTERVAL:.0%} intervals that drawing on moved by more than chance": (
            first_of_many(told, _SHOWN) or "none"
        ),
    }
