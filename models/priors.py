"""Priors as data: the catalogue, and a job's overrides of it.

The catalogue is `models/catalogue.toml`; a block may bring priors of its own in the same form
(`models.block`). A job overrides a prior by name::

    [priors.reorganization_energy]
    distribution = "LogNormal"
    median = "0.25 eV"
    sigma = 0.3
    source = "my_lab_2026"

or pins it with ``fixed = "0.25 eV"``. A parameter that exists once per protocol is overridden as a
whole (``supply_factor``) or singly (``"supply_factor[step]"``). Nothing is ever evaluated.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, get_args

import numpy as np
from pydantic import TypeAdapter, ValidationError

from data.errors import AnodebayesError, PriorError
from data.quantities import Quantity, quantity, split_label
from data.schema import nearest
from data.units import parse_quantity
from models.blocks import block_priors
from models.distributions import AbsCosineBeta, AnyDistribution, Fixed
from models.prior_set import WITH_UNIT, Prior, PriorSet

__all__ = ["catalogue", "resolve_priors"]

METALS = ("Na", "Li")
_LEAST_WIDTH = 1e-6  # of the median: what is known so well is a constant
_DISTRIBUTION = TypeAdapter[AnyDistribution](AnyDistribution)
_KINDS = {
    str(kind.model_fields["distribution"].default): kind
    for kind in get_args(get_args(AnyDistribution)[0])
}
_OWN_KEYS = frozenset({"core", "each", "support", "source", "note", "metals"})
# What a quantity without a prior of its own follows from, and where its prior is given instead.
_DERIVED = {
    "wetting_product": (
        "surface_energy * |cos(contact_angle)|",
        "[priors.surface_energy], [priors.contact_angle] or both",
    ),
    "diffusivity_over_anion_transference": (
        "ambipolar_diffusivity / (1 - transference_number)",
        "[priors.ambipolar_diffusivity], [priors.transference_number] or both",
    ),
    "diffusivity_over_anion_transference_squared": (
        "ambipolar_diffusivity / (1 - transference_number)^2",
        "[priors.ambipolar_diffusivity], [priors.transference_number] or both",
    ),
    "effective_self_diffusivity": (
        "supply_factor^2 * self_diffusivity",
        "[priors.supply_factor], [priors.self_diffusivity] or both",
    ),
    "creep_fed_current_density": (
        "creep_current_at_9_MPa, creep_pressure_exponent and creep_activation_energy",
        "priors of these",
    ),
    "critical_current_density": (
        "wetting_product, exchange_current_density, reorganization_energy and the separator",
        "[priors.surface_energy], [priors.exchange_current_density] or "
        "[priors.reorganization_energy]",
    ),
    "limiting_current_density": (
        "diffusivity_over_anion_transference and the separator",
        "[priors.ambipolar_diffusivity], [priors.transference_number] or both",
    ),
    "critical_to_limiting_ratio": (
        "critical_current_density / limiting_current_density",
        "priors of what these depend on",
    ),
}
_TABLED = {
    "pore_radius": "separators.csv",
    "thickness": "separators.csv",
    "porosity": "separators.csv",
    "macmullin_number": "separators.csv",
    "lsv_area": "lsv.csv",
}


def _shown(key: str) -> str:
    """Return the key as a job writes it."""
    return "fixed" if key == "value" else key


def _number(name: str, key: str, value: object, unit: str) -> object:
    """Return `value` as a float in `unit`; a quantity string where the parameter has a unit."""
    if key not in WITH_UNIT:
        return value
    if unit == "1" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        raise PriorError(
            f"prior of {name}: {_shown(key)} = {value!r} has no unit; write it as a string with "
            f'one, for example {_shown(key)} = "{value} {unit}"'
        )
    try:
        return parse_quantity(value, to=unit)
    except AnodebayesError as error:
        raise PriorError(f"prior of {name}, {key}: {error}") from error


def _distribution(
    name: str, entry: Mapping[str, Any], known: Quantity, support: tuple[float, float]
) -> AnyDistribution:
    """Build and validate the distribution of one parameter."""
    unit = known.unit
    values = dict(entry)
    if "fixed" in values:
        extra = sorted(set(values) - {"fixed"})
        if extra:
            raise PriorError(f"prior of {name}: `fixed` stands alone, but {', '.join(extra)} given")
        values = {"distribution": "Fixed", "value": values["fixed"]}
    mistakes, numbers = [], {}
    for key, value in values.items():
        try:
            numbers[key] = _number(name, key, value, unit)
        except PriorError as error:
            mistakes.append(str(error))
    if numbers.get("distribution") == "Normal":
        numbers.setdefault("lower", support[0])
        numbers.setdefault("upper", support[1])
    try:
        distribution = _DISTRIBUTION.validate_python(numbers)
    except ValidationError as error:
        mistakes += [
            f"prior of {name}: {_sentence(mistake)}"
            for mistake in error.errors()
            # What is there and wrong has been named already.
            if mistake["type"] != "missing" or mistake["loc"][-1] not in values
        ]
    if mistakes:
        raise PriorError("\n".join(mistakes))
    if isinstance(distribution, AbsCosineBeta) and name != "contact_angle":
        raise PriorError(f"prior of {name}: AbsCosineBeta is for contact_angle only")
    lower, upper = distribution.support
    if lower < support[0] or upper > support[1]:
        shown = "" if unit == "1" else f" {unit}"
        legal = f"legal is {support[0]:g} to {support[1]:g}{shown}"
        if isinstance(distribution, Fixed):
            raise PriorError(f"prior of {name}: fixed = {lower:g}{shown}, but {legal}")
        raise PriorError(
            f"prior of {name}: {distribution.distribution} reaches from {lower:g} to {upper:g}"
            f"{shown}, but {legal}; choose another distribution or give `lower` and `upper`"
        )
    if (message := _absurdity(name, distribution, known)) is not None:
        raise PriorError(message)
    return distribution


def _absurdity(name: str, distribution: AnyDistribution, known: Quantity) -> str | None:
    """Say where a distribution lies beyond anything that the quantity may be, or has no width."""
    low, high = known.legal
    unit = "" if known.unit == "1" else f" {known.unit}"
    legal = f"legal is {low:g} to {high:g}{unit}"
    kind = distribution.distribution
    if isinstance(distribution, Fixed):
        value = distribution.value
        absurd = value != 0 and not low <= value <= high  # what is nothing may be switched off
        return f"prior of {name}: fixed = {value:g}{unit}, but {legal}" if absurd else None
    with np.errstate(all="ignore"):
        lower, median, upper = distribution.quantile([0.05, 0.5, 0.95]).tolist()
    if not (low <= median <= high and upper <= high):  # also where they are no numbers
        return (
            f"prior of {name}: its median is {median:g} and its 95 % quantile {upper:g}{unit}, but "
            f"{legal}: are the numbers of {kind} right?"
        )
    if upper - lower < _LEAST_WIDTH * median:
        return (
            f"prior of {name}: {kind} leaves it no width (90 % within {upper - lower:.2g}{unit} of "
            f'{median:g}): pin it with `fixed = "{median:g}{unit}"`'
        )
    return None


def _sentence(mistake: Any) -> str:
    """Turn one of pydantic's findings into a sentence."""
    place = ".".join(str(part) for part in mistake["loc"][1:])
    if mistake["type"] == "extra_forbidden":
        kind = str(mistake["loc"][0])
        legal = [key for key in _KINDS[kind].model_fields if key != "distribution"]
        return (
            f"{place!r} is not a parameter of {kind}{nearest(place, legal)}: legal are "
            f"{', '.join(legal)}"
        )
    if mistake["type"] == "missing":
        return f"{place!r} is missing"
    if mistake["type"] in {"union_tag_not_found", "union_tag_invalid"}:
        legal = [kind for kind in _KINDS if kind != "Fixed"]
        tag = mistake.get("ctx", {}).get("tag")
        wrong = (
            "`distribution` is missing"
            if tag is None
            else f"distribution = {tag!r} is not legal{nearest(str(tag), legal)}"
        )
        return f"{wrong}: give one of {', '.join(legal)}, or pin the parameter with `fixed`"
    return f"{place + ' = ' if place else ''}{mistake['input']!r}: {mistake['msg'].lower()}"


@cache
def _entries() -> dict[str, dict[str, Any]]:
    """Return the raw catalogue, the blocks' own priors included."""
    text = files("models").joinpath("catalogue.toml").read_text(encoding="utf-8")
    entries: dict[str, dict[str, Any]] = tomllib.loads(text)
    for name, entry in block_priors().items():
        if name in entries:
            raise PriorError(f"prior of {name} is in the catalogue and in a block")
        entries[name] = entry
    return entries


def _family(name: str) -> tuple[str, list[str]]:
    """Return the catalogue's name behind `name`, and the names of the members it stands for."""
    entries = _entries()
    base, member = split_label(name)
    members: list[str] = entries.get(base, {}).get("each", [])
    if base in entries and (name == base or member in members):
        return base, [name] if member or not members else [f"{base}[{each}]" for each in members]
    if base in _DERIVED:
        formula, instead = _DERIVED[base]
        raise PriorError(
            f"{base} is derived and has no prior of its own: it follows from {formula}; give "
            f"{instead} instead, or enter an estimate of it as a row of published.csv"
        )
    if base in _TABLED:
        raise PriorError(
            f"{base} is measured and has no prior in a job: it is known up to the standard "
            f"deviation stated in {_TABLED[base]}; change it there"
        )
    known = [*entries, *(f"{key}[{m}]" for key, e in entries.items() for m in e.get("each", []))]
    raise PriorError(
        f"there is no parameter {name!r}{nearest(name, known)}; `anodebayes priors` lists them all"
    )


def _prior(
    name: str,
    called: str,
    base: str,
    entry: Mapping[str, Any],
    used: Mapping[str, Any],
    shape: Mapping[str, Any],
) -> Prior:
    """Build and validate the prior of one parameter; `called` is what the job names it by."""
    known = quantity(base)
    support = (float(entry["support"][0]), float(entry["support"][1]))
    mistakes = [
        f"prior of {called}: {key} = {used[key]!r} is not text"
        for key in ("source", "note")
        if not isinstance(used.get(key, ""), str)
    ]
    try:
        distribution = _distribution(called, shape, known, support)
    except PriorError as error:
        raise PriorError("\n".join([*mistakes, str(error)])) from error
    if mistakes:
        raise PriorError("\n".join(mistakes))
    return Prior(
        name=name,
        unit=known.unit,
        symbol=known.symbol,
        long_name=known.long_name,
        distribution=distribution,
        support=support,
        source=used["source"],
        note=used.get("note", ""),
        core=bool(entry.get("core", False)),
    )


def resolve_priors(
    metal: str, overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> PriorSet:
    """Return the priors of a job: the catalogue for a metal with the job's overrides.

    Parameters
    ----------
    metal : {"Na", "Li"}
        Metal of the campaign.
    overrides : mapping, optional
        Parameter name to distribution, parameters, source and note, or to ``fixed``.

    Returns
    -------
    PriorSet
        All parameters that have a prior.

    Raises
    ------
    PriorError
        If a name, a distribution, a parameter or a unit is not legal; every mistake is listed.
    """
    if metal not in METALS:
        raise PriorError(f"metal = {metal!r}: legal are {' and '.join(METALS)}")
    given = overrides or {}
    mistakes: list[str] = []
    written: dict[str, str] = {}
    for name in sorted(given, key=lambda key: "[" in key):  # families first
        try:
            written |= dict.fromkeys(_family(name)[1], name)
        except PriorError as error:
            mistakes.append(str(error))
    priors = []
    for base, entry in _entries().items():
        default = {**entry, **entry.get("metals", {}).get(metal, {})}
        for name in _family(base)[1]:
            # A mistake in what a whole family is given is named once.
            called = written.get(name, name)
            own = given.get(called, {}) if name in written else default
            used = {**default, "source": "job", "note": "", **own} if name in written else default
            shape = {key: value for key, value in own.items() if key not in _OWN_KEYS}
            if not shape and name not in written:
                continue  # a parameter that needs a prior from the job
            try:
                priors.append(_prior(name, called, base, entry, used, shape))
            except PriorError as error:
                mistakes += str(error).splitlines()
    mistakes = list(dict.fromkeys(mistakes))
    if len(mistakes) > 1:
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        raise PriorError(f"the priors hold {len(mistakes)} mistakes:\n{lines}")
    if mistakes:
        raise PriorError(mistakes[0])
    return PriorSet(priors)


def catalogue(metal: str = "Na") -> PriorSet:
    """Return the default priors for a metal.

    Parameters
    ----------
    metal : {"Na", "Li"}
        Metal of the campaign.

    Returns
    -------
    PriorSet
        Every parameter that has a default.

    Raises
    ------
    PriorError
        If the metal is not one of the two.
    """
    return resolve_priors(metal)
