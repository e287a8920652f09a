"""The fits of a calibration: started, continued, and kept."""

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from functools import cache
from multiprocessing import get_context, parent_process
from typing import Any

from data.errors import StorageError
from data.stopping import deaf_children, ends_with_parent
from inference.engine.fingerprint import fingerprint
from inference.jobs.job import Job
from inference.jobs.plan import Plan
from inference.runs.run_folder import RunFolder
from inference.studies.calibration.calibration import Calibration
from inference.studies.calibration.outcome import Replicate
from inference.studies.calibration.records import RECORD, REPLICATES, continue_record, record_text
from inference.studies.calibration.replicates import Replicator, Settings, replicator_of

__all__ = ["run_calibration"]

logger = logging.getLogger(__name__)


def run_calibration(
    run: RunFolder,
    job: Job | str | os.PathLike[str],
    *,
    replicates: int,
    seed: int | None,
    processes: int,
    settings: Settings | None,
    progress: Callable[[int, int], None] | None,
    force: bool,
    draw: Callable[[Calibration], None],
) -> Calibration:
    """Run the replicates that a folder lacks and keep them there, as `inference.calibrate` says.

    What there is at last is handed to `draw` while no other process may write to the folder.
    """
    run.refuse_foreign()
    tell = progress or (lambda *_: None)
    settings = settings or Settings()
    plan = Plan.of(job)
    job, resolved = plan.job, plan.resolved
    seed = job.sampler.seed if seed is None else seed
    identity = [resolved.data_hash, resolved.prior_hash, job.model.model_dump(), seed]
    identity.append(asdict(settings))
    header: dict[str, Any] = {
        "job": job.name,
        "campaign": plan.campaign.metadata.name,
        "campaign_kind": plan.campaign.metadata.kind,
        "seed": seed,
        "settings": asdict(settings),
        "data_hash": resolved.data_hash,
        "prior_hash": resolved.prior_hash,
        "hash": hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(),
        "versions": dict(resolved.versions),
        "fingerprint": fingerprint(plan.model),
    }
    with run.lock():
        run.require_as_written("")
        known = continue_record(run, header, force=force)
        due = [index for index in range(replicates) if index not in known]
        tell(replicates - len(due), replicates)
        for replicate in _run(job, settings, seed, due, processes):
            known[replicate.index] = replicate
            run.append_text(REPLICATES, f"{replicate.to_json(header['hash'])}\n")
            tell(sum(index < replicates for index in known), replicates)
        kept = tuple(known[index] for index in sorted(known) if index < replicates)
        calibration = Calibration(header, kept)
        run.write_text(RECORD, record_text(calibration))
        draw(calibration)
    return calibration


@cache
def _replicator() -> Replicator:
    """Return the replicator of a worker process: compiled once, since models do not pickle."""
    return replicator_of(*_WORK)


_WORK: list[Any] = []


def _start_worker(*work: Any) -> None:
    parent = parent_process()
    assert parent is not None  # noqa: S101 - a worker has one
    ends_with_parent(parent.join)
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
                with deaf_children():
                    waiting.add(pool.submit(_work, index))
                if len(waiting) >= 2 * processes:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        except BrokenProcessPool as error:
            raise StorageError(
                "a process that did replicates was killed, by the system where memory has run out: "
                "the replicates that were done are kept. Give the same command again with fewer "
                f"--processes (now {processes}), and it goes on from there"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
