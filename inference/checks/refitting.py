"""One table fitted alone, in a process of its own: ``python -m inference.checks.refitting``.

A model does not travel between processes; its specification does, as a JSON file, and the draws
come back as one array. The process prints nothing; what fails is a message in the answer.
"""

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from data.stopping import ends_with_parent

__all__ = ["Refit", "draws_of_refit", "read_draws"]


class Refit(BaseModel):
    """What one process is told.

    Parameters
    ----------
    campaign : str
        Folder of the campaign.
    options : str
        JSON of the `ModelOptions`, with the one table as its blocks.
    draws, tune, chains, seed, target_accept : number
        Of the sampler.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    campaign: str
    options: str
    draws: int
    tune: int
    chains: int
    seed: int
    target_accept: float


def draws_of_refit(refit: Refit) -> tuple[list[str], Any, int]:
    """Fit and return the draws of every scalar that is a quantity.

    Parameters
    ----------
    refit : Refit
        What to fit.

    Returns
    -------
    labels : list of str
        Names of the scalars.
    draws : ndarray, shape (scalars, chain, draw)
        In the units of the quantities.
    divergences : int
        Transitions that diverged.

    Raises
    ------
    AnodebayesError
        If the table makes no model by itself.
    """
    from data.loading import load_campaign
    from data.quantities import quantities
    from inference.engine.prediction import Predictor
    from inference.engine.sampling import Sampler, scalars
    from models.joint import joint_model
    from models.options import ModelOptions

    model = joint_model(
        load_campaign(refit.campaign), ModelOptions.model_validate_json(refit.options)
    )
    sampled, stats = Sampler(model).sample(
        draws=refit.draws,
        tune=refit.tune,
        chains=refit.chains,
        cores=1,
        seed=refit.seed,
        target_accept=refit.target_accept,
    )
    found = Predictor(model).derive(sampled).merge(sampled)
    public = {*quantities(), "separator_offset"}
    every = scalars(found[[name for name in found.data_vars if name in public]])
    labels = [str(name) for name in every.data_vars]
    array = np.stack([every[label].transpose("chain", "draw").values for label in labels])
    return labels, array, int(stats["diverging"].sum())


def read_draws(path: Path) -> tuple[dict[str, Any], int]:
    """Read the answer of a process.

    Parameters
    ----------
    path : Path
        What it wrote.

    Returns
    -------
    draws : dict of str to ndarray of shape (chain, draw)
        By scalar.
    divergences : int
        Transitions that diverged.
    """
    with np.load(path, allow_pickle=False) as answer:
        labels = [str(label) for label in answer["labels"]]
        draws = dict(zip(labels, answer["draws"], strict=True))
        return draws, int(answer["divergences"])


def _main(specification: str, answer: str) -> int:
    from data.errors import AnodebayesError

    ends_with_parent(partial(os.read, sys.stdin.fileno(), 1))  # nothing ever comes down this pipe
    refit = Refit.model_validate(json.loads(Path(specification).read_text(encoding="utf-8")))
    try:
        labels, draws, divergences = draws_of_refit(refit)
    except AnodebayesError as error:
        Path(answer).with_suffix(".txt").write_text(str(error), encoding="utf-8")
        return 2
    with Path(answer).open("wb") as file:
        np.savez(file, labels=np.array(labels), draws=draws, divergences=divergences)
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
