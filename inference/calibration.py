"""Simulation-based calibration of a whole job: whether its intervals are right over the prior.

Truths are drawn from the prior, campaigns from the truths under the job's own design, and each is
fitted. Where model, sampler and summaries are right, the rank of a truth among the draws of its
posterior is uniform: Talts et al. 2018, arXiv:1804.06788.
"""

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from data.errors import RunFolderError
from inference.job import Job, load_job, resolve
from inference.replicates import RANKS, Replicate, Replicator, Settings, replicator_of
from inference.run_folder import RunFolder
from inference.thresholds import (
    CALIBRATION_FAILED,
    CALIBRATION_LEVELS,
    CALIBRATION_SIGNIFICANCE,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Calibration", "calibrate", "read_calibration"]

logger = logging.getLogger(__name__)

RECORD: Final = "calibration.json"
REPLICATES: Final = "replicates.jsonl"


@dataclass(frozen=True)
class Calibration:
    """The replicates of a calibration and what they come to.

    Parameters
    ----------
    header : mapping
        Job, hashes, seed and settings.
    replicates : tuple of Replicate
        In the order of their numbers.
    """

    header: Mapping[str, Any]
    replicates: tuple[Replicate, ...]

    @property
    def finished(self) -> tuple[Replicate, ...]:
        """The replicates that gave ranks."""
        return tuple(each for each in self.replicates if not each.failure)

    @property
    def failed(self) -> tuple[Replicate, ...]:
        """The replicates that did not."""
        return tuple(each for each in self.replicates if each.failure)

    def pit(self) -> "pd.DataFrame":
        """Return the ranks as shares: a row for each replicate, a column for each quantity."""
        import pandas as pd

        return pd.DataFrame(
            [each.pit for each in self.finished], index=[each.index for each in self.finished]
        )

    def table(self) -> "pd.DataFrame":
        """Return the verdict on each quantity.

        Returns
        -------
        DataFrame
            A row for each quantity: ``p_uniform``, the p-value of the hypothesis that ranks are
            uniform (ArviZ's test of cumulative ranks); ``coverage_50`` and so on, the share of
            truths inside each central interval; ``band_50_lower`` and ``band_50_upper`` and so on,
            where that share lies with 95 % if the intervals are right; ``p_coverage``, the least
            p-value of the coverages; ``calibrated``, whether no p-value is below the significance
            divided by the number of tests.
        """
        import pandas as pd
        from scipy import stats

        from inference.arviz_statistics import uniformity

        pit = self.pit()
        count = len(pit)
        rows = {}
        for name in pit:
            away = np.abs(2.0 * pit[name].to_numpy() - 1.0)
            row: dict[str, Any] = {"p_uniform": uniformity(pit[name].to_numpy(), RANKS)}
            found = []
            for level in CALIBRATION_LEVELS:
                inside = int(np.sum(away <= level))
                key = f"{100 * level:.0f}"
                row[f"coverage_{key}"] = inside / count
                band = stats.binom.interval(0.95, count, level)
                row[f"band_{key}_lower"], row[f"band_{key}_upper"] = (x / count for x in band)
                found.append(stats.binomtest(inside, count, level).pvalue)
            row["p_coverage"] = min(found)
            rows[str(name)] = row
        table = pd.DataFrame.from_dict(rows, orient="index")
        tests = len(table) * (1 + len(CALIBRATION_LEVELS))
        least = table[["p_uniform", "p_coverage"]].min(axis=1)
        table["calibrated"] = least >= CALIBRATION_SIGNIFICANCE / tests
        return table

    @property
    def share_failed(self) -> float:
        """Share of the replicates that gave no ranks."""
        return len(self.failed) / len(self.replicates) if self.replicates else 0.0

    @property
    def passed(self) -> bool:
        """Whether every quantity is calibrated and few enough replicates failed."""
        enough = self.share_failed <= CALIBRATION_FAILED and len(self.finished) > 1
        return enough and bool(self.table()["calibrated"].all())

    def verdict(self) -> list[str]:
        """Return the verdict in sentences."""
        lines = [
            f"{len(self.finished)} of {len(self.replicates)} replicates gave ranks; "
            f"{len(self.failed)} failed, {sum(each.again for each in self.replicates)} were "
            "sampled a second time, longer and in smaller steps."
        ]
        if len(self.finished) < 2:
            return [*lines, "That is too few for a verdict."]
        table = self.table()
        tests = len(table) * (1 + len(CALIBRATION_LEVELS))
        bad = table[~table["calibrated"]]
        if bad.empty:
            held = table["coverage_90"]
            band = table.iloc[0]
            lines.append(
                f"Calibrated: none of {len(table)} quantities departs from uniform ranks or from "
                f"the stated coverage ({tests} tests at a joint significance of "
                f"{CALIBRATION_SIGNIFICANCE:g}). The 90 % intervals hold the truth in "
                f"{100 * held.min():.0f} to {100 * held.max():.0f} % of the replicates; "
                f"for one quantity {100 * band['band_90_lower']:.0f} to "
                f"{100 * band['band_90_upper']:.0f} % would be chance, so that an error smaller "
                "than that goes unseen."
            )
        for name, row in bad.iterrows():
            lines.append(
                f"NOT calibrated: {name}, whose 90 % interval holds the truth in "
                f"{100 * row['coverage_90']:.0f} % of the replicates (p = "
                f"{min(row['p_uniform'], row['p_coverage']):.1g})."
            )
        if self.share_failed > CALIBRATION_FAILED:
            lines.append(
                f"NOT accepted: {100 * self.share_failed:.0f} % of the replicates failed, at most "
                f"{100 * CALIBRATION_FAILED:.0f} % may; the first: {self.failed[0].failure}."
            )
        return lines

    def record(self) -> dict[str, Any]:
        """Return what is worth keeping: header, verdict, and the numbers of each quantity."""
        table = self.table().round(4) if len(self.finished) > 1 else None
        return {
            **self.header,
            "command": (
                f"anodebayes calibrate {self.header['job']} --seed {self.header['seed']} "
                f"--replicates {len(self.replicates)}"
            ),
            "replicates": len(self.replicates),
            "failed": {str(each.index): each.failure for each in self.failed},
            "sampled_again": sum(each.again for each in self.replicates),
            "seconds_per_replicate": round(
                float(np.median([each.seconds for each in self.replicates] or [0.0])), 2
            ),
            "passed": self.passed,
            "verdict": self.verdict(),
            "quantities": {} if table is None else table.to_dict(orient="index"),
        }


def calibrate(
    job: Job | str | os.PathLike[str],
    *,
    replicates: int = 300,
    folder: str | os.PathLike[str],
    seed: int | None = None,
    processes: int = 2,
    settings: Settings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Calibrate a job, or go on with a calibration that was stopped.

    Parameters
    ----------
    job : Job, str or path
        The job, its file or its name.
    replicates : int, optional
        How many there are to be in the end.
    folder : str or path
        Where the replicates are kept; what is there of the same job and seed is not done again.
    seed : int, optional
        Of every random number; the job's when left out.
    processes : int, optional
        Processes at work; the replicates do not depend on it.
    settings : Settings, optional
        How each replicate is sampled.
    progress : callable, optional
        Told how many replicates are done and due.

    Returns
    -------
    Calibration
        All replicates in the folder up to the number asked for.

    Raises
    ------
    JobError, CampaignError, PriorError, ModelError
        If the job cannot be fitted.
    RunFolderError
        If the folder holds another calibration.
    """
    from data.campaign import load_campaign
    from models.joint import priors_of

    tell = progress or (lambda *_: None)
    job = job if isinstance(job, Job) else load_job(os.fspath(job))
    settings = settings or Settings()
    campaign = load_campaign(job.campaign_location())
    resolved = resolve(job, campaign, priors_of(campaign, job.model_options()))
    seed = job.sampler.seed if seed is None else seed
    identity = [resolved.data_hash, resolved.prior_hash, job.model.model_dump(), seed]
    identity.append(asdict(settings))
    header = {
        "job": job.name,
        "campaign": campaign.metadata.name,
        "campaign_kind": campaign.metadata.kind,
        "seed": seed,
        "settings": asdict(settings),
        "data_hash": resolved.data_hash,
        "prior_hash": resolved.prior_hash,
        "hash": hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(),
        "versions": dict(resolved.versions),
    }
    run = RunFolder(folder)
    with run.lock():
        known = _continued(run, header)
        due = [index for index in range(replicates) if index not in known]
        tell(replicates - len(due), replicates)
        with (run.path / REPLICATES).open("a", encoding="utf-8") as file:
            for replicate in _run(job, settings, seed, due, processes):
                known[replicate.index] = replicate
                file.write(replicate.to_json() + "\n")
                file.flush()
                os.fsync(file.fileno())
                tell(sum(index < replicates for index in known), replicates)
        kept = tuple(known[index] for index in sorted(known) if index < replicates)
        calibration = Calibration(header, kept)
        run.write_text(RECORD, _text(calibration))
        _write_figure(run, calibration)
    return calibration


def read_calibration(folder: str | os.PathLike[str]) -> Calibration:
    """Read the calibration in a folder.

    Raises
    ------
    RunFolderError
        If there is none.
    """
    path = Path(folder)
    if not (path / RECORD).is_file():
        raise RunFolderError(
            f"{str(path)!r} holds no calibration ({RECORD}); make one with "
            f"anodebayes calibrate JOB --out {path}"
        )
    record = json.loads((path / RECORD).read_text(encoding="utf-8"))
    known = _read_replicates(path / REPLICATES)
    kept = [known[index] for index in sorted(known) if index < record["replicates"]]
    header = {key: record[key] for key in record if key in _HEADER}
    return Calibration(header, tuple(kept))


_HEADER: Final = (
    "job",
    "campaign",
    "campaign_kind",
    "seed",
    "settings",
    "data_hash",
    "prior_hash",
    "hash",
    "versions",
)


def _continued(run: RunFolder, header: Mapping[str, Any]) -> dict[int, Replicate]:
    """Return the replicates that the folder holds; make it this calibration's where it is empty."""
    record = run.path / RECORD
    if record.is_file():
        other = json.loads(record.read_text(encoding="utf-8"))
        if other["hash"] != header["hash"]:
            differing = [key for key in _HEADER if other.get(key) != header[key] and key != "hash"]
            raise RunFolderError(
                f"{str(run.path)!r} holds the calibration of another job (it differs in "
                f"{', '.join(differing) or 'the model'}): choose another folder with --out"
            )
        return _read_replicates(run.path / REPLICATES)
    run.write_text(RECORD, _text(Calibration(header, ())))
    return {}


def _text(calibration: Calibration) -> str:
    return json.dumps(calibration.record(), indent=1, default=float) + "\n"


def _read_replicates(path: Path) -> dict[int, Replicate]:
    """Read the replicates of a file, whose last line may be cut off by a killed process."""
    if not path.is_file():
        return {}
    whole, _, rest = path.read_text(encoding="utf-8").rpartition("\n")
    if rest:
        logger.warning("the last replicate in %s was cut off and is done again", path)
        path.write_text(whole + "\n" if whole else "", encoding="utf-8")
    found = [Replicate.from_json(line) for line in whole.splitlines()]
    return {replicate.index: replicate for replicate in found}


@cache
def _replicator() -> Replicator:
    """Return the replicator of a worker process: compiled once, since models do not pickle."""
    return replicator_of(*_WORK)


_WORK: list[Any] = []


def _start_worker(*work: Any) -> None:
    warnings.filterwarnings("ignore", message="PyTensor could not link to a BLAS")
    _WORK[:] = work


def _work(index: int) -> Replicate:
    return _replicator()(index)


def _run(
    job: Job, settings: Settings, seed: int, due: Sequence[int], processes: int
) -> Iterator[Replicate]:
    """Run the replicates that are due, in the order in which they finish."""
    if not due:
        return
    if processes == 1:
        replicator = replicator_of(job, settings, seed)
        for index in due:
            yield replicator(index)
        return
    with ProcessPoolExecutor(
        processes, get_context("spawn"), _start_worker, (job, settings, seed)
    ) as pool:
        waiting: set[Future[Replicate]] = set()
        queue = iter(due)
        try:
            for index in queue:
                waiting.add(pool.submit(_work, index))
                if len(waiting) >= 2 * processes:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _write_figure(run: RunFolder, calibration: Calibration) -> None:
    if len(calibration.finished) > 1:
        from inference.figures.calibration import calibration_figure
        from inference.figures.style import save_figure

        figure = calibration_figure(calibration)
        run.write("calibration.png", lambda path: save_figure(figure, path))
