"""At a safe current as many new cells fail as it says, by simulated campaigns of known truth.

Each truth is drawn from the prior, and 25 cells are stepped up in current until they fail. Their
deviates follow one law; the fit is told which. The probability that a new cell of the truth fails
at the safe current of the fit has the stated risk as its mean. A control takes most of the chance
out of that mean: the exact prediction of a sample of the same deviates, by quadrature over their
median, their scatter and the parameter of their law; its own mean is that of many more samples.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from data.campaign import Campaign
from inference.jobs.reading import job_for_campaign
from inference.maps.mapping import new_cell_currents
from inference.maps.separators import separator_sections
from inference.runs.result import Result
from inference.studies.calibration.replicates import Settings, _public, _with_units, replicator_of
from models import physics
from models.cells import CONTAMINATED_MULTIPLIER, LAWS
from models.distributions import Gamma

CELLS, STEP = 25, 0.08
RISKS = (0.05, 0.01)
TRUE_PARAMETER = {"lognormal": 0.0, "student_t": 3.0, "contaminated": 1.0 / CELLS}
CAMPAIGNS = 10
SETTINGS = Settings(draws=400, tune=400, chains=2)  # 4000 new cells are drawn from them
ENDS = f"1,{np.exp(STEP):.9f}"


@dataclass(frozen=True)
class Kind:
    """A kind of cell: its table, how a job calls its cells, and where a safe current is asked."""

    tables: dict[str, str]
    block: str
    observed: str
    design: dict[str, Any]


KINDS = {
    "solid": Kind(
        {
            "dc_polarization": "cell,protocol,temperature [degC],pressure [MPa],"
            "current_density_lower [mA/cm^2],current_density_upper [mA/cm^2],step_time [h]\n"
            + "\n".join(f"c{i},step,25,0,{ENDS},1" for i in range(CELLS))
        },
        "dc_polarization",
        "dc_polarization_step",
        {"cell": "solid", "charge": "3 mAh/cm^2", "pressure": "0 MPa"},
    ),
    "liquid": Kind(
        {
            "separators": "separator,pore_type,pore_radius [nm],pore_radius_sd [nm],"
            "thickness [um],porosity [1],porosity_sd [1],macmullin_number [1]\n"
            "A,polymer,30,3,25,0.4,0.02,5",
            "critical_current": "separator,temperature [degC],current_density_lower [mA/cm^2],"
            "current_density_upper [mA/cm^2],bracket_from,cell\n"
            + "\n".join(f"A,25,{ENDS},one_cell,c{i}" for i in range(CELLS)),
        },
        "penetration",
        "critical_current_one_cell",
        {"cell": "liquid", "separators": ["A"]},
    ),
}


class Study:
    """Truths of one kind of cell, and what the fits of campaigns drawn from them call safe."""

    def __init__(
        self, kind: str, law: str, campaigns: int, campaign_of: Callable[..., Campaign]
    ) -> None:
        self.kind, self.law = KINDS[kind], LAWS[law]
        campaign = campaign_of(kind="synthetic", **self.kind.tables)
        options = {self.kind.block: {"cells": law}}
        job = job_for_campaign(campaign)
        model = job.model.model_copy(update={"options": options})
        self.replicator = replicator_of(job.model_copy(update={"model": model}), SETTINGS, 1)
        separators = separator_sections(campaign.tables.get("separators"))
        self.attrs = dict(self.replicator._cells or {}) | {
            "campaign_kind": "synthetic",
            "separators": json.dumps(separators),
        }
        free = self.replicator._truths.prior(campaigns, 77)
        derived = self.replicator._truths.evaluate(free, 5)["derived"]
        self.truths = _with_units(_public(derived, free))

    def value(self, name: str, index: int, **where: Any) -> float:
        """Return a true value in SI."""
        from data.units import to_si

        found = self.truths[name].isel(chain=0, draw=index).sel(**where)
        unit = str(found.attrs["units"])
        return float(found) if unit == "eV" else float(to_si(float(found), unit))

    def log_median(self, index: int) -> float:
        """Return the log of the current [mA/cm^2] at which the true median cell fails."""
        if self.kind.block == "dc_polarization":
            current = self._void_free(3600.0, index)
        else:
            here = {"separator": "A"}
            current = physics.critical_current_density(
                self.value("wetting_product", index),
                self.value("pore_radius", index, **here),
                self.value("porosity", index, **here),
                self.value("exchange_current_density", index),
                self.value("reorganization_energy", index),
                298.15,
                physics.MOLAR_VOLUME["Na"],
                "marcus_hush_chidsey",
            ) * np.exp(self.value("separator_offset", index, **here))
        return float(np.log(current / 10.0))

    def _void_free(self, time: float, index: int) -> Any:
        return physics.void_free_current_density(
            time,
            self.value("self_diffusivity", index),
            physics.MOLAR_VOLUME["Na"],
            self.value("supply_factor", index, protocol="step"),
            0.0,
        )

    def scatter(self, index: int) -> float:
        return self.value(f"{self.kind.block}_scatter", index)

    def mixture(self) -> tuple[Any, Any]:
        """Return weights and multipliers of the true cells."""
        log_weights, multipliers = self.law.components(np.asarray(TRUE_PARAMETER[self.law.name]))
        return np.exp(log_weights), multipliers

    def true_risk(self, current: float, index: int, mixture: tuple[Any, Any]) -> float:
        """Return the probability that a new cell of the truth fails at a current [mA/cm^2]."""
        weights, multipliers = mixture
        if self.kind.block == "dc_polarization":
            charge = 3.0 * 36000.0
            ratio = current * 10.0 / self._void_free(charge / (current * 10.0), index)
            return float(
                weights @ stats.norm.cdf(np.log(ratio) / self.scatter(index) / multipliers)
            )
        z = (np.log(current) - self.log_median(index)) / self.scatter(index)
        penetrated = float(weights @ stats.norm.cdf(z / multipliers))
        limit = physics.limiting_current_density(
            self.value("ambipolar_diffusivity", index),
            self.value("transference_number", index),
            1000.0,
            [physics.Layer(25e-6, self.value("porosity", index, separator="A"), 5.0)],
        )
        depleted = stats.norm.cdf(
            np.log(current * 10.0 / limit) / self.value("sand_scatter", index)
        )
        return 1.0 - (1.0 - penetrated) * (1.0 - float(depleted))

    def safe(self, thresholds: Any, index: int) -> list[float]:
        """Return the safe currents [mA/cm^2] of a fit of cells stepped up until they fail."""
        steps = np.exp(STEP * (np.floor(thresholds / STEP) + 0.5))
        data = {f"{self.kind.observed}_data": steps}
        draws, _, _ = self.replicator._sample(data, index, SETTINGS)
        derived = self.replicator._predictor.evaluate(draws, 0)["derived"]
        tree = xr.DataTree.from_dict({"posterior": _with_units(_public(derived, draws))})
        tree.attrs = self.attrs
        found = new_cell_currents(Result(tree), self.kind.design, seed=11)
        return [float(np.quantile(found, risk)) for risk in RISKS]


class Control:
    """The exact prediction of deviates of a law, with the law's parameter from its prior."""

    def __init__(self, law: str, degrees: Gamma | None = None) -> None:
        prior = LAWS[law].prior
        level = (np.arange(10) + 0.5) / 10
        parameters = np.zeros(1)
        if prior and law == "student_t":
            own = Gamma(alpha=prior["alpha"], rate=prior["rate"], lower=prior["lower"])
            parameters = (degrees or own).quantile(level)
        elif prior:
            parameters = stats.beta.ppf(level, prior["alpha"], prior["beta"])
        location, log_scale = (np.linspace(-end, end, 19) for end in (1.2, 1.1))
        grid = np.meshgrid(parameters, location, log_scale, indexing="ij")
        self._law, (self._parameter, self._location, log_scale) = law, (g.ravel() for g in grid)
        self._scale, self._prior = np.exp(log_scale), stats.norm.pdf(log_scale, scale=0.6)
        self._log_at_zero = stats.t.logpdf(0.0, self._parameter) if law == "student_t" else 0.0
        self._at = -np.geomspace(0.8, 60.0, 100)[::-1]
        self._below = self.cdf(self._at[:, None], self._parameter, self._location, self._scale)

    def cdf(self, x: Any, parameter: Any, location: Any = 0.0, scale: Any = 1.0) -> Any:
        """Return the probability that a deviate is below a value."""
        z = (x - location) / scale
        if self._law == "student_t":
            return stats.t.cdf(z, parameter)
        wide = stats.norm.cdf(z / CONTAMINATED_MULTIPLIER)
        return (1.0 - parameter) * stats.norm.cdf(z) + parameter * wide

    def log_density(self, x: Any) -> Any:
        z = (x - self._location) / self._scale
        if self._law == "student_t":
            kernel = -0.5 * (self._parameter + 1.0) * np.log1p(z**2 / self._parameter)
            return self._log_at_zero + kernel - np.log(self._scale)
        wide = stats.norm.pdf(z / CONTAMINATED_MULTIPLIER) / CONTAMINATED_MULTIPLIER
        density = (1.0 - self._parameter) * stats.norm.pdf(z) + self._parameter * wide
        return np.log(density / self._scale)

    def true_risks(self, deviates: Any, true: float | None = None) -> Any:
        """Return how probable a new deviate is below what a sample says of each risk."""
        weights = sum(self.log_density(x) for x in deviates)
        weights = np.exp(weights - weights.max()) * self._prior
        predicted = self._below @ weights / weights.sum()
        true = TRUE_PARAMETER[self._law] if true is None else true
        return self.cdf(np.interp(RISKS, predicted, self._at), true)


def drawn(study: Study, index: int, stream: int) -> Any:
    """Return the deviates of one campaign's cells."""
    rng = np.random.default_rng([stream, index])
    normal = rng.standard_normal(CELLS)
    weights, multipliers = study.mixture()
    kinds = rng.choice(weights.size, CELLS, p=weights / weights.sum())
    if study.law.name == "contaminated":  # exactly one in 25 is of the second kind
        kinds = np.arange(CELLS) == 0
    return normal * multipliers[kinds.astype(int)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("prior", "due"),
    [
        (Gamma(alpha=1.0, rate=0.6, lower=2.0), {3.0: 1.0, 10.0: 0.3, 1e6: 0.1}),
        (Gamma(alpha=2.0, rate=0.1, lower=2.0), {3.0: 2.0, 10.0: 1.1, 1e6: 0.7}),
    ],
)
def test_the_tail_of_25_cells_is_that_of_the_prior_of_its_degrees_of_freedom(
    prior: Gamma, due: dict[float, float]
) -> None:
    """The numbers of the README and of the prior's note, in per cent at a stated 1 %."""
    control, rng = Control("student_t", prior), np.random.default_rng(5)
    for true, percent in due.items():
        found = [control.true_risks(rng.standard_t(true, CELLS), true)[1] for _ in range(120)]
        error = 100.0 * np.std(found) / np.sqrt(len(found))
        assert 100.0 * np.mean(found) == pytest.approx(percent, abs=4.0 * error + 0.05)


@pytest.mark.long
@pytest.mark.parametrize("law", ["lognormal", "contaminated", "student_t"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_as_many_new_cells_fail_at_the_safe_current_as_it_says(
    kind: str, law: str, campaign_of: Callable[..., Campaign]
) -> None:
    study = Study(kind, law, CAMPAIGNS, campaign_of)
    control = Control(law)
    expected = np.mean([control.true_risks(drawn(study, i, 4)) for i in range(400)], axis=0)
    beyond = np.empty((CAMPAIGNS, len(RISKS)))
    for index in range(CAMPAIGNS):
        deviates = drawn(study, index, 3)
        found = study.safe(study.log_median(index) + study.scatter(index) * deviates, index)
        true = [study.true_risk(current, index, study.mixture()) for current in found]
        beyond[index] = np.array(true) - control.true_risks(deviates)
    risks = np.array(RISKS)
    mean, error = (
        beyond.mean(axis=0) + expected,
        beyond.std(axis=0, ddof=1) / np.sqrt(CAMPAIGNS),
    )
    print(f"{kind}, {law}: true risks {mean} ± {error} at the stated {risks}, control {expected}")
    assert (mean - 4.0 * error <= 1.2 * risks).all()
    assert (mean + 4.0 * error >= 0.4 * risks).all()
