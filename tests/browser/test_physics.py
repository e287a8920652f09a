"""The page's own physics against Python's: the same draws, the same noise, random designs."""

import itertools
import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from inference import safe_current
from inference.designs.axes import AXES, Axis, Tolerance
from inference.designs.design import Design
from inference.designs.limits import Setting
from inference.designs.mechanisms import (
    CURRENT_FACTOR,
    MECHANISMS,
    SEPARATOR_OFFSET,
    own_property,
    parameter_draws,
)
from inference.designs.noise import LEAST_SHARE_OF_CELLS, SOURCES, CellNoise, NoiseTable, band_draws
from inference.maps.evaluation import QUANTILES, evaluate
from inference.maps.tails import other_cells
from inference.report_page.payload import physics_document
from tests.inference.maps import test_tails as toys

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::models.physics.kinetics.MarcusInversionWarning"),
]

DRAWS = 200
DESIGNS = 384
RISKS = (0.02, 0.05, 0.3)
RNG = np.random.default_rng(20261120)


BLOCKS = ("penetration", "sand", "dc_polarization")
CELLS: dict[str, Any] = {
    "lognormal": {},
    "student_t": {f"{block}_degrees_of_freedom": (2.0, 10.0) for block in BLOCKS},
    "contaminated": {f"{block}_contamination": (0.0, 0.1) for block in BLOCKS},
}


def random_draws(
    setting: Setting, laws_of_temperature: bool, labs: bool, cells: str
) -> dict[str, Any]:
    def lognormal(median: float, sigma: float) -> Any:
        return median * np.exp(sigma * RNG.standard_normal(DRAWS))

    draws = {
        "wetting_product": lognormal(1.0, 1.0),
        "reorganization_energy": lognormal(0.2, 0.5),
        "exchange_current_density": lognormal(50.0, 1.2),
        "ambipolar_diffusivity": lognormal(3e-10, 0.8),
        "transference_number": RNG.beta(5, 5, DRAWS),
        "self_diffusivity": lognormal(5.6e-13, 0.3),
        "self_diffusion_activation_energy": 43.5e3 + 1.5e3 * RNG.standard_normal(DRAWS),
        "supply_factor[one_way]": lognormal(0.9, 0.5),
        "supply_factor[step]": lognormal(0.5, 0.5),
        "creep_current_at_9_MPa": lognormal(10.0, 1.5),
        "creep_pressure_exponent": lognormal(2.0, 0.5),
        "creep_exponent": 5.5 + 0.5 * RNG.standard_normal(DRAWS),
        "creep_reference_stress": lognormal(0.3e6, 0.3),
        "creep_activation_energy": 44e3 + 8e3 * RNG.standard_normal(DRAWS),
        "constraint_factor": lognormal(20.0, 1.2),
        "wetted_pores": lognormal(1e6, 4.0),
        "pore_size_spread": lognormal(0.1, 0.3),
        "penetration_scatter": lognormal(0.25, 0.5),
        "separator_scatter": lognormal(0.15, 0.7),
        "sand_scatter": lognormal(0.25, 0.5),
        "dc_polarization_scatter": lognormal(0.25, 0.5),
    }
    draws |= {
        name: low + scale * RNG.gamma(2.0, size=DRAWS).clip(1e-3, 9.0)
        for name, (low, scale) in CELLS[cells].items()
    }
    if laws_of_temperature:
        draws["exchange_current_density_activation_energy"] = lognormal(40e3, 0.3)
        draws["ambipolar_diffusivity_activation_energy"] = lognormal(20e3, 0.3)
    if labs:
        scatter = lognormal(0.2, 0.5)
        draws |= {
            f"lab_scatter of {name}": scatter for name in ("penetration", "depletion", "voids")
        }
    return draws


def random_separator() -> dict[str, Any]:
    """Draws of a separator as fitted, in SI."""
    return {
        "pore_radius": 20e-9 * np.exp(0.8 * RNG.standard_normal(DRAWS)),
        "porosity": RNG.beta(4, 6, DRAWS),
        "thickness": 25e-6 * np.exp(0.3 * RNG.standard_normal(DRAWS)),
        "macmullin_number": 1.0 + 5.0 * np.exp(0.3 * RNG.standard_normal(DRAWS)),
        SEPARATOR_OFFSET: 0.4 * RNG.standard_normal(DRAWS),
    }


def random_design(cell: str, setting: Setting) -> Design:
    kinds = AXES[cell]
    ranges = {
        "liquid": {
            "pore_radius": (3.0, 3000.0), "porosity": (0.05, 0.9), "thickness": (5.0, 500.0),
            "macmullin_number": (1.5, 30.0), "concentration": (0.05, 4.0), "charge": (0.02, 100.0),
            "temperature": (-20.0, 70.0), "pore_size_spread": (0.02, 1.0),
            "area_ratio": (0.05, 1e6),
        },
        "solid": {
            "charge": (0.01, 100.0), "pressure": (0.0, 9.0), "temperature": (-20.0, 70.0),
            "metal_thickness": (50.0, 2000.0), "area_ratio": (0.05, 1e6),
        },
    }[cell]  # fmt: skip
    axes, tolerances = {}, {}
    for name, (low, high) in ranges.items():
        kind = kinds[name]
        if kind.optional and RNG.random() < 0.5:
            continue
        if name == "pore_size_spread" and setting.pores == "typical":
            continue
        if kind.spread == "lognormal" and low > 0.0:
            value = float(np.exp(RNG.uniform(np.log(low), np.log(high))))
        else:
            value = float(RNG.uniform(low, high)) if RNG.random() < 0.8 else low
        axes[name] = Axis(kind, np.array([value]), swept=False)
        if RNG.random() < 0.4 and name != "area_ratio":
            relative = kind.spread == "lognormal" and RNG.random() < 0.5
            sd = {"normal": 2.0, "logit_normal": 0.02}.get(kind.spread, 0.1 * value)
            tolerances[name] = Tolerance(0.1 if relative else sd, relative)
    choices = {"pore_type": str(RNG.choice(["polymer", "straight"]))} if cell == "liquid" else {
        "protocol": str(RNG.choice(["one_way", "step"]))
    }  # fmt: skip
    separator = "film" if cell == "liquid" and RNG.random() < 0.4 else ""
    return Design(cell, axes, tolerances, separator=separator, **choices)


def of_design(draws: dict[str, Any], own: dict[str, Any], design: Design) -> dict[str, Any]:
    chosen = f"supply_factor[{design.protocol}]"
    found = {name.partition("[")[0] if name == chosen else name: draws[name] for name in draws}
    if design.separator:
        found |= {
            name if name == SEPARATOR_OFFSET else own_property(name): own[name] for name in own
        }
    return found


def cases() -> Any:
    kinetics = ("marcus_hush_chidsey", "butler_volmer", "marcus_hush")
    for law, creep, pores, warm in itertools.product(
        kinetics, ("empirical", "norton"), ("typical", "weakest_link"), (False, True)
    ):
        yield Setting(23.68e-6, law, creep, pores), warm


@pytest.fixture(scope="module")
def compared(browser: Any) -> list[tuple[Any, Any, Design]]:
    """Both answers to every design."""
    browser.get("about:blank")
    browser.execute_script(
        files("inference.report_page").joinpath("physics.js").read_text(encoding="utf-8")
        + "\nwindow.AnodePhysics = AnodePhysics;"
    )
    found = []
    every = list(cases())
    each = -(-DESIGNS // len(every))
    for place, (setting, warm) in enumerate(every):
        law = list(CELLS)[place % len(CELLS)]
        draws = random_draws(setting, warm, labs=bool(place % 2), cells=law)
        own = random_separator()
        noise = NoiseTable(place, DRAWS)
        designs = [
            random_design(cell, setting) for cell in ("liquid", "solid") for _ in range(each // 2)
        ]
        model = physics_document(setting) | {
            "draws": {name: values.tolist() for name, values in draws.items()},
            "noise": {source: noise(source).tolist() for source in SOURCES},
            "own": {"film": {name: values.tolist() for name, values in own.items()}},
        }
        currents = [float(np.exp(RNG.uniform(-3, 6))) for _ in designs]
        asked = [
            {
                "cell": design.cell,
                "pore_type": design.pore_type,
                "protocol": design.protocol,
                "separator": design.separator,
                "conditions": {name: axis.values[0] for name, axis in design.axes.items()},
                "tolerances": {
                    name: {"sd": t.sd, "relative": t.relative}
                    for name, t in design.tolerances.items()
                },
            }
            for design in designs
        ]
        theirs = json.loads(
            browser.execute_script(
                """
                const [model, designs, currents, risks] = JSON.parse(arguments[0]);
                for (const group of [model.draws, model.noise, model.own.film]) {
                  for (const name in group) group[name] = Float64Array.from(group[name]);
                }
                return JSON.stringify(designs.map((design, i) =>
                  AnodePhysics.evaluate(model, design, {risks, current: currents[i]})));
                """,
                json.dumps([model, asked, currents, RISKS]),
            )
        )
        for design, current, theirs_of in zip(designs, currents, theirs, strict=True):
            axis = Axis(design.current.kind, np.array([current]))
            ours = evaluate(
                replace(design, current=axis),
                of_design(draws, own, design),
                setting,
                noise,
                risks=np.array(RISKS),
                numbers_at_once=10_000,
            )
            found.append((ours, theirs_of, design))
    return found


def test_hundreds_of_random_designs_give_the_same_numbers(compared: Any) -> None:
    assert len(compared) >= DESIGNS
    worst = 0.0
    for ours, theirs, design in compared:
        assert len(theirs["median"]) == len(QUANTILES)
        for mine, page in (
            (ours.median_limit, theirs["median"]),
            (ours.new_limit, theirs["fresh"]),
            (ours.safe, theirs["safe"]),
        ):
            due = np.asarray(mine) / CURRENT_FACTOR
            with np.errstate(divide="ignore", invalid="ignore"):
                off = np.abs(np.array(page) - due) / due
            worst = max(worst, float(np.nanmax(np.where(due == page, 0.0, off))))
            assert worst < 1e-9, design
        names = [item.name for item in MECHANISMS[design.cell]]
        assert [theirs["limiting"][name] for name in names] == pytest.approx(
            list(ours.limiting), abs=1e-12
        )
        assert theirs["bears"] == pytest.approx(float(ours.probability_safe[0]), abs=1e-12)
    print(f"largest relative difference over {len(compared)} designs: {worst:.1e}")


@pytest.mark.parametrize("law", CELLS)
@pytest.mark.parametrize("area", [1.0, 20.0])
def test_intervals_and_tails_are_those_of_the_answers(browser: Any, law: str, area: float) -> None:
    result = toys.known(law, 1000)
    for name in CELLS[law].keys() & {*result.posterior}:
        low, scale = CELLS[law][name]
        result.posterior[name][:] = low + scale * RNG.gamma(2.0, size=(2, 1000)).clip(1e-3, 9.0)
    answer = safe_current(result, {**toys.WIDE, "area_ratio": area}, 0.02)
    seed, count = int(result.attrs["seed"]), 2000
    draws = parameter_draws(result, "liquid", "step", np.arange(count))
    noise, cells = NoiseTable(seed, count), CellNoise(seed)
    model = physics_document(Setting.of(result)) | {
        "draws": {name: values.tolist() for name, values in draws.items()},
        "noise": {source: noise(source).tolist() for source in SOURCES},
        "cells": {source: cells(source).tolist() for source in SOURCES},
        "bands": band_draws(count).tolist(),
        "tails": {
            "liquid": {
                other: {
                    "draws": {k: v.tolist() for k, v in values.items() if v is not draws.get(k)},
                    "without": [name for name in draws if name not in values],
                }
                for other, values in other_cells(result, "liquid", draws, noise).items()
            }
        },
    }
    design = {"cell": "liquid", "pore_type": "polymer", "conditions": dict(answer.conditions)}
    browser.get("about:blank")
    browser.execute_script(
        files("inference.report_page").joinpath("physics.js").read_text(encoding="utf-8")
        + "\nwindow.AnodePhysics = AnodePhysics;"
    )
    lower, upper, tails, safe, rarer = browser.execute_async_script(
        """
        const [model, design, risk] = JSON.parse(arguments[0]);
        const done = arguments[1];
        for (const group of [model.draws, model.noise, model.cells]) {
          for (const name in group) group[name] = Float64Array.from(group[name]);
        }
        const [safe] = AnodePhysics.evaluate(model, design, { risks: [risk] }).safe;
        const tails = AnodePhysics.tails(model, design, risk);
        AnodePhysics.interval(model, design, 0.0019, (rarer) =>
          AnodePhysics.interval(model, design, risk, ({ lower, upper }) =>
            done([lower, upper, tails, safe, rarer])));
        """,
        json.dumps([model, design, 0.02]),
    )
    assert safe == pytest.approx(answer.value, rel=1e-9)
    assert [lower, upper] == pytest.approx(list(answer.interval), rel=1e-7)
    assert rarer == {"lower": None, "upper": None, "least": LEAST_SHARE_OF_CELLS}
    assert {"as_fitted": safe, **tails} == pytest.approx(dict(answer.tails), rel=1e-9)
