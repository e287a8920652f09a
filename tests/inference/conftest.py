"""What several test files of inference share: made-up results, and a campaign to import into."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from data import new_campaign
from data.quantities import quantity
from models.priors import resolve_priors

DRAWS = (2, 200)
SEPARATORS = {  # of the synthetic campaign: radius [nm], thickness [um], porosity, MacMullin number
    "trilayer": (14.0, 25.0, 0.39, 4.9),
    "AAO 20 nm": (10.0, 50.0, 0.15, 6.7),
    "AAO 100 nm": (50.0, 55.0, 0.25, 4.0),
    "AAO 200 nm": (100.0, 60.0, 0.35, 2.9),
    "PP": (21.0, 25.0, 0.42, 3.9),
    "AAO 80 nm": (40.0, 50.0, 0.25, 4.1),
}
PROPERTIES = {"pore_radius": "nm", "thickness": "um", "porosity": "1", "macmullin_number": "1"}
OF_BLOCKS = (
    "residual_resistance",
    "film_constraint_factor",
    "initial_coverage",
    "apparent_density",
)


class Fabricated:
    """The part of a result that figures and maps read."""

    metal = "Na"
    kinetics = "marcus_hush_chidsey"
    salt_concentration = 1.0
    folder = None
    blocks = ("penetration", "critical_current")
    lines: dict[str, list[int]] = {}  # noqa: RUF012

    def __init__(self, *, synthetic: bool) -> None:
        self.synthetic = synthetic
        self.references = {"sayahpour": "shown, not fitted"}
        self.rng = np.random.default_rng(5)
        self.attrs: dict[str, Any] = {
            "name": "fabricated",
            "campaign": "fabricated",
            "campaign_kind": "synthetic" if synthetic else "measured",
            "seed": 1,
            "options": "{}",
        }
        self.data_ranges = {
            "liquid": {
                "pore_radius": [10.0, 100.0],
                "porosity": [0.12, 0.39],
                "thickness": [25.0, 60.0],
                "concentration": [1.0, 1.0],
                "temperature": [25.0, 25.0],
            },
            "solid": {"charge": [1.0, 10.0], "pressure": [0.0, 0.0], "temperature": [25.0, 25.0]},
        }
        self.prior = self._draws(1.0)
        self.posterior = self._draws(0.3)
        self.observed_data = xr.Dataset()
        self.posterior_predictive = xr.Dataset()
        self.constant_data = xr.Dataset()
        self.log_likelihood = xr.Dataset()
        self._observe()

    def _draws(self, share: float) -> xr.Dataset:
        """Draw from the middle share of every prior."""
        values = {
            name: prior.distribution.quantile(0.5 + share * (self.rng.uniform(size=DRAWS) - 0.5))
            for name, prior in resolve_priors("Na", {}).items()
            if prior.core or name in OF_BLOCKS
        }
        if share < 1.0:  # a ridge
            values["ambipolar_diffusivity"] *= (1.0 - values["transference_number"]) ** 3 / 0.125
        cosine = np.abs(np.cos(np.radians(values["contact_angle"])))
        values["wetting_product"] = values["surface_energy"] * cosine
        supply = [values.pop(name) for name in list(values) if name.startswith("supply_factor")]
        dataset = xr.Dataset(
            {
                name: (("chain", "draw"), value, {"units": quantity(name).unit})
                for name, value in values.items()
            },
            coords={"protocol": ["one_way", "step"]},
        )
        over = ("chain", "draw", "protocol")
        factor = np.stack(supply, -1)
        effective = factor**2 * dataset["self_diffusivity"].to_numpy()[..., None]
        unit = dataset["self_diffusivity"].attrs["units"]
        known = np.array(list(SEPARATORS.values()))
        own = {
            name: (
                ("chain", "draw", "separator"),
                known[:, index] * np.exp(0.05 * self.rng.standard_normal((*DRAWS, len(known)))),
                {"units": unit},
            )
            for index, (name, unit) in enumerate(PROPERTIES.items())
        }
        return dataset.assign(
            supply_factor=(over, factor, {"units": "1"}),
            effective_self_diffusivity=(over, effective, {"units": unit}),
            **own,
        ).assign_coords(separator=list(SEPARATORS))

    def _observe(self) -> None:
        beyond = 1e3
        ends = {"floor": -beyond, "ceiling": beyond}
        potential = np.linspace(0.01, 0.15, 12)
        self._add(
            "kinetics",
            7 * np.sinh(20 * potential),
            potential.astype(str),
            {"overpotential": potential, "temperature": 298.15, "sd": 0, "halfwidth": 0, **ends},
        )
        self._add("penetration", np.tile([0.0, 1.0], 24), np.arange(48).astype(str), {})
        self._add(
            "dc_polarization_one_way",
            np.array([64800.0, 18000.0]),
            np.array(["18 h", "5 h"]),
            {
                "sd": 0,
                "halfwidth": 0,
                "floor": -beyond,
                "ceiling": np.log([90000.0, 18000.0]),
            },
        )
        self._add(
            "dc_polarization_step",
            np.array([6.7, 4.2]),
            np.array(["5 min", "15 min"]),
            {"sd": 0, "halfwidth": np.array([0.3, 0.35]), **ends},
        )
        self._add(
            "published",
            np.array([2.21, 0.09, 5.22e-6]),
            np.array(
                [
                    "wetting_product",
                    "critical_to_limiting_ratio, trilayer",
                    "diffusivity_over_anion_transference",
                ]
            ),
            {
                "sd": 0.2,
                "halfwidth": 0,
                "floor": [-beyond, np.log(0.09), -beyond],
                "ceiling": beyond,
            },
        )
        self._add(
            "sand",
            np.array([37.2, 931.0, 9.3]),
            np.array(["cap-01", "cap-02", "cap-03"]),
            {
                "sd": [0.02, 0, 0],
                "halfwidth": [0, 0, 0.1],
                "floor": -beyond,
                "ceiling": np.log([1e4, 931.0, 1e4]),
                "separator": 0,
                "free": [1, 1, 0],
                "distance": [0.02, 0.02, 5e-4],
                "concentration": 1000.0,
                "temperature": 298.15,
                "log_current": np.log([500.0, 100.0, 400.0]),
            },
        )
        self._add(
            "lsv",
            np.array([37.0, 17.0, 14.0]),
            np.array(["L1, 1", "L2, 1", "L5, 1"]),
            {
                "separator": [0, 0, 2],
                "layers": [1, 2, 1],
                "before": [0, 0, 1e-4],
                "behind": 0,
                "concentration": [1000.0, 1000.0, 500.0],
                "temperature": 298.15,
                "log_area": np.log(0.5),
                "sd": 0.03,
                "halfwidth": 0,
                **ends,
            },
        )
        self._add(
            "critical_current_overpotential",
            np.array([50.3, 25.8]),
            np.array(["PP", "AAO 80 nm"]),
            {"current": [54.0, 14.0], "sd": 2.0, "halfwidth": 0, **ends},
        )
        self._add(
            "morphology_coverage",
            np.array([0.149, 0.861]),
            np.array(["0 kPa", "1272 kPa"]),
            {"charge": 9000.0, "sd": 0, "halfwidth": 0, **ends},
        )
        self._add(
            "morphology_thickness",
            np.array([42.2, 7.6]),
            np.array(["0 kPa", "1272 kPa"]),
            {"charge": 9000.0, "sd": 0.04, "halfwidth": 0, **ends},
        )
        self._design(
            "morphology",
            {
                "time": [1800.0, 1800.0],
                "pressure": [0.0, 1.272e6],
                "temperature": [298.15, 298.15],
            },
        )

    def _add(self, name: str, observed: Any, labels: Any, design: dict[str, Any]) -> None:
        row = f"{name}_row"
        self.observed_data[name] = ((row,), observed)
        self.observed_data = self.observed_data.assign_coords({row: labels})
        if name == "penetration":
            drawn = (self.rng.uniform(size=(*DRAWS, observed.size)) < 0.3).astype(float)
        else:
            drawn = observed * np.exp(0.2 * self.rng.standard_normal((*DRAWS, observed.size)))
        self.posterior_predictive[name] = (("chain", "draw", row), drawn)
        if design:
            even = {
                key: np.broadcast_to(np.asarray(column, dtype=float), observed.shape)
                for key, column in design.items()
            }
            self._design(name, even)

    def _design(self, name: str, columns: dict[str, Any]) -> None:
        matrix = np.stack([np.asarray(column, dtype=float) for column in columns.values()], -1)
        dims = (f"{name}_design_row", f"{name}_column")
        self.constant_data[f"{name}_design"] = (dims, matrix)
        self.constant_data = self.constant_data.assign_coords({dims[1]: list(columns)})

    def summary(self) -> pd.DataFrame:
        rows = {}
        for name, drawn in self.posterior.data_vars.items():
            parts = {str(name): drawn}
            for dim in {"protocol", "separator"} & {*map(str, drawn.dims)}:
                members = drawn[dim].to_numpy().tolist()
                parts = {f"{name}[{one}]": drawn.sel({dim: one}) for one in members}
            for key, values in parts.items():
                lower, median, upper = np.quantile(values, [0.05, 0.5, 0.95])
                rows[key] = {
                    "median": median,
                    "lower": lower,
                    "upper": upper,
                    "prior_lower": 0.5 * lower,
                    "prior_upper": 1.1 * upper,
                    "narrowing": 1.0 if name == "contact_angle" else 2.0,
                    "informed_by": "prior" if name == "contact_angle" else "published",
                }
        return pd.DataFrame.from_dict(rows, orient="index")


@pytest.fixture(scope="session")
def fabricated() -> Callable[..., Any]:
    """Return what makes a result: draws of the catalogue's priors, predictions of made-up data."""
    return Fabricated


# --- importing -----------------------------------------------------------------------------------

CELL = {"area": "0.5 cm^2", "separator": "PP", "temperature": "25 degC"}
"""What is stated of a cell with a separator."""
POLARISED = {
    "area": "1 cm^2",
    "protocol": "one_way",
    "temperature": "25 degC",
    "pressure": "0 MPa",
}
"""What is stated of a solid cell that was polarised."""


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Return a new campaign that knows two separators, and holds no cell yet."""
    folder = new_campaign(tmp_path / "mine")
    (folder / "separators.csv").write_text(
        "separator,pore_type,pore_radius [nm],thickness [um],porosity [1],macmullin_number [1]\n"
        "PP,polymer,14,25,0.39,4.9\nthick,polymer,14,250,0.39,4.1\n"
    )
    return folder


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return an empty folder for an instrument's files."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder
