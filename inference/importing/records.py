"""Importing instrument files: each becomes rows of a campaign, a record of provenance, a figure.

A file's figure and record are written first and the table last, in one renaming: an import that is
killed leaves the campaign as it was or with whole rows. A record without its row does not count.

Rows in doubt get figure and record, which says that they are not appended, and no place in the
table unless the command accepts doubtful rows. Whatever goes wrong with one file is kept as its
outcome: the others are read all the same.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.added_rows import Addition, appended
from data.appending import TRIES, check_addition, check_target, current_text, locked, write_addition
from data.errors import (
    AnodebayesError,
    CampaignError,
    ChangedError,
    InputError,
    Mistake,
    StorageError,
)
from data.features.wording import CLOCK
from data.instruments.bdf import ORIGIN
from data.metadata import read_metadata
from data.provenance import (
    APPENDED,
    BEGUN,
    NOT_APPENDED,
    every_record,
    of_no_record,
    record_path,
    row_key,
    same_key,
    standing,
    whole_record,
)
from data.schema import Row, nearest, show_number
from data.table import Table
from data.table_reader import read_table
from data.tables import tables
from data.whole_files import FULL
from inference.importing.contradicted import default_area
from inference.importing.curve_files import check_file, expand_files, read_curve
from inference.importing.doubts import doubts_about
from inference.importing.outcomes import Outcome, Status
from inference.importing.provenance import provenance_record, write_record
from inference.importing.recipe import FEATURES, Choices, CurveReading, Metadata, Recipe, recipe_of
from inference.importing.sidecars import check_values, legal_columns, stated_metadata

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign

__all__ = ["import_records"]

_MADE = "SYNTHETIC: drawn by the simulator of anodebayes"  # first line of raw_curves' files

logger = logging.getLogger(__name__)


def import_records(
    files: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
    *,
    table: str,
    campaign: str | os.PathLike[str],
    metadata: Mapping[str, str | float] | None = None,
    dry_run: bool = False,
    correct_sweep: bool = False,
    feature: str | None = None,
    accept_doubtful: bool = False,
    progress: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Import instrument files as rows of a table of a campaign.

    Parameters
    ----------
    files : path or iterable of paths
        The instrument's files, or patterns.
    table : {"critical_current", "dc_polarization", "lsv", "penetration", "sand"}
        What the curves show.
    campaign : str or path
        The campaign's folder, which must exist.
    metadata : mapping, optional
        What the files do not say, by column, with units: ``{"area": "0.5 cm^2"}``. A file's sidecar
        ``<file>.toml`` and the folder's ``import.toml`` state the same keys; `metadata` overrides
        them. The area is always due; a cell is called after its file where nothing else is stated.
    dry_run : bool, optional
        Check everything and write nothing.
    correct_sweep : bool, optional
        Divide plateaus of `lsv` by what the sweep adds to them, with the error of that.
    feature : {"drop", "inflexion"}, optional
        Which event of a one-way `dc_polarization` is its transition; the earlier one when left
        out.
    accept_doubtful : bool, optional
        Append rows that are doubtful, too. Without it they are read, drawn and recorded only.
    progress : callable, optional
        Called with each outcome.

    Returns
    -------
    list of Outcome
        One a file, in order. A file that is refused does not stop the others, whatever the
        error was.

    Raises
    ------
    InputError
        The table, the campaign's folder or an option is not legal, or no file is named.
    CampaignError
        The campaign has mistakes already.

    Examples
    --------
    >>> _ = write_raw_curves(load_campaign("sodium-synthetic"), "raw", seed=1)
    >>> (outcome,) = import_records("raw/sand-S01.csv", table="sand", campaign="raw/campaign")
    >>> outcome.status, outcome.cell
    ('imported', 'S01')
    """
    recipe = recipe_of(table)
    schema = tables()[table]
    if feature is not None and feature not in FEATURES:
        raise InputError(
            f"feature {feature!r} is not legal{nearest(feature, FEATURES)}: legal are "
            f"{', '.join(FEATURES)}"
        )
    if feature is not None and table != "dc_polarization":
        raise InputError(f"a feature is chosen for dc_polarization only, not for {table}")
    if correct_sweep and table != "lsv":
        raise InputError(f"only plateaus of lsv are corrected for the sweep, not {table}")
    options = dict(metadata or {})
    paths = expand_files([files] if isinstance(files, str | os.PathLike) else files)
    check_values(schema, recipe, options, "option")
    if "cell" in options and len(paths) > 1:
        raise InputError(
            f"cell: {options['cell']!r} is one name for {len(paths)} files: leave it out (a cell "
            "is called after its file), or write it into each sidecar"
        )
    folder = check_target(Path(campaign), schema)
    choices = Choices(correct_sweep=correct_sweep, feature=feature, folder=folder)
    job = _Import(
        schema, recipe, folder, options, choices, dry_run=dry_run, accept_doubtful=accept_doubtful
    )
    outcomes = []
    for path in paths:
        outcome = job.take(path)
        outcomes.append(outcome)
        logger.info("%s: %s %s", path, outcome.status, outcome.error or "")
        if progress is not None:
            progress(outcome)
    return outcomes


class _Import:
    """The import of some files into one table."""

    def __init__(
        self,
        table: Table,
        recipe: Recipe,
        folder: Path,
        options: Mapping[str, str | float],
        choices: Choices,
        *,
        dry_run: bool,
        accept_doubtful: bool,
    ) -> None:
        self.table = table
        self.recipe = recipe
        self.folder = folder
        self.options = options
        self.choices = choices
        self.dry_run = dry_run
        self.accept_doubtful = accept_doubtful
        self._planned: str | None = None  # the table's text, of a dry run
        self._planned_keys: list[tuple[Mapping[str, Any], str]] = []  # and its rows
        self._seen: dict[tuple[str, str], Path] = {}  # files of this import by content
        self._recorded: dict[Path, Path] = {}  # and by record of provenance

    def take(self, path: Path) -> Outcome:
        """Import one file, or say why not."""
        cell = ""
        try:
            check_file(path)
            metadata = stated_metadata(self.table, self.recipe, path, self.options)
            cell = metadata.cell
            record = read_curve(path, metadata)
            curve = str(record.attrs.get("curve", ""))
            # A measurement that was exported, and is read from there, is the same measurement.
            digest = str(record.attrs.get(ORIGIN) or record.attrs["sha256"])
            self._refuse_repeated(path, digest, curve)
            self._refuse_synthetic(record)
            reading = self.recipe.rows(record, metadata, self.choices)
            doubts = doubts_about(record, metadata, reading, self.table, self.recipe)
            said = [*reading.statements, *_about_the_record(record, metadata)]
            if any(reading.features[at].unit == "s" for at in reading.chosen):
                said.append(CLOCK)
            reading = replace(reading, statements=tuple(said), doubts=doubts)
            outcome = self._add(path, digest, record, metadata, reading)
            self._seen[digest, curve] = path
        except AnodebayesError as error:
            return Outcome(file=path, status="refused", cell=cell, error=error)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            refusal: AnodebayesError = InputError(f"{error.filename or path}: {reason}")
            if error.errno in FULL:
                where = error.filename or "what is written of it, or for temporary files"
                refusal = StorageError(
                    f"no space left for {where}: nothing is wrong with {path.name}. Make room, and "
                    "import it again"
                )
            return Outcome(file=path, status="refused", cell=cell, error=refusal)
        except Exception as error:
            # A fault of the program ends the reading of this file, and of no other.
            logger.exception("%s: not foreseen", path)
            return Outcome(file=path, status="refused", cell=cell, error=error)
        return outcome

    def _refuse_repeated(self, path: Path, digest: str, curve: str) -> None:
        """Refuse a file whose content a row was read from, whatever that is called by now."""
        if (digest, curve) in self._seen:
            raise InputError(
                f"{path.name} has the same content as {self._seen[digest, curve].name}, which is "
                "read already: one measurement makes one row"
            )
        records = every_record(self.folder)
        for record in records:
            file, table = record["file"], str(record["table"])
            if file["sha256"] != digest or str(file.get("curve", "")) != curve:
                continue
            known = (
                f"{path.name} is imported already: {table}.csv, cell {record['cell']!r}, from "
                f"{file.get('name')!r} of the same content"
            )
            if standing(self.folder, record):
                raise InputError(f"{known}; delete that row to import it again")
            if record["status"] == APPENDED and of_no_record(self.folder, table, records):
                place = record_path(self.folder, table, record["cell"]).relative_to(self.folder)
                raise InputError(
                    f"{known}, and may be one of the rows that no record names, renamed since: "
                    f"if it was deleted, delete {str(place)!r}, too, to import it again"
                )

    def _refuse_synthetic(self, record: "xr.Dataset") -> None:
        """Keep what a simulator drew out of campaigns of measurements."""
        metadata, _, _ = read_metadata(self.folder)
        made = _MADE in str(record.attrs.get("header", ""))
        if made and metadata is not None and metadata.kind != "synthetic":
            raise InputError(
                f"{record.attrs.get('file_name')} says that it is synthetic, and the campaign "
                f"{metadata.name!r} is {metadata.kind}: nobody measured this curve"
            )

    def _add(
        self,
        path: Path,
        digest: str,
        record: "xr.Dataset",
        metadata: Metadata,
        reading: CurveReading,
    ) -> Outcome:
        rows = tuple(
            {name: value for name, value in row.items() if name in self.table.fields}
            for row in reading.rows
        )
        self._refuse_repeated_rows(rows, path)
        chosen = tuple(reading.features[at] for at in reading.chosen)
        accepted: dict[str, Any] = {
            "file": path,
            "cell": metadata.cell,
            "features": chosen,
            "rows": rows,
            "doubts": reading.doubts,
            "statements": reading.statements,
        }
        appending = self.accept_doubtful or not reading.doubts
        if self.dry_run:
            text = self._planned or current_text(self.folder, self.table)
            addition = appended(self.table, text, rows)
            self._checked(addition)
            if not appending:
                return Outcome(status="doubtful", **accepted)
            self._planned = addition.text
            self._planned_keys += [(row_key(self.table, row), path.name) for row in rows]
            return Outcome(status="checked", **accepted)
        with locked(self.folder, self.table):
            campaign = self._checked(self._addition(rows))
            place = record_path(self.folder, self.table.name, metadata.cell)
            self._refuse_taken(place, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            figures = self._draw(place, record, metadata, reading, campaign, appending=appending)
            # To draw takes a second, in which somebody may save the table: it is read again.
            for left in reversed(range(TRIES)):
                self._refuse_repeated_rows(rows, path)
                addition = self._addition(rows)
                self._checked(addition)
                content = provenance_record(
                    record,
                    metadata,
                    reading,
                    table=self.table,
                    sha256=digest,
                    written=addition.written,
                    keys=[row_key(self.table, row) for row in rows],
                    figures=figures,
                    choices=self.choices,
                    status=BEGUN if appending else NOT_APPENDED,
                )
                write_record(place, content)
                try:
                    if appending:
                        write_addition(self.folder, addition)
                        write_record(place, {**content, "status": APPENDED})
                    break
                except ChangedError:
                    if not left:
                        raise
            self._recorded[place] = path
        status: Status = "imported" if appending else "doubtful"
        return Outcome(status=status, record=place, figures=figures, **accepted)

    def _addition(self, rows: Sequence[Row]) -> Addition:
        return appended(self.table, current_text(self.folder, self.table), rows)

    def _checked(self, addition: Addition) -> "Campaign":
        """Return the campaign with the rows added, or say what it does not take."""
        try:
            return check_addition(self.folder, addition)
        except CampaignError as error:
            reasons = [
                self._reason(mistake)
                if mistake.file == self.table.file and mistake.line in addition.lines
                else str(mistake)
                for mistake in error.mistakes
            ]
            raise InputError(
                f"{self.table.file} does not take the row: {'; '.join(reasons)}"
            ) from None

    def _reason(self, mistake: Mistake) -> str:
        """Say what is wrong with the new row, which has no line in any file that can be opened."""
        if mistake.column is None:
            return mistake.message
        name = mistake.column.partition(" [")[0]
        stated = name in legal_columns(self.table, self.recipe)
        hint = f'; state it with --set "{name}=…"'
        blank = stated and mistake.message.startswith("is blank")
        return f"column {name!r}: {mistake.message}{hint if blank else ''}"

    def _refuse_repeated_rows(self, rows: Sequence[Row], path: Path) -> None:
        """Refuse a row of which the table has one already, and say what to do instead."""
        present = list(self._planned_keys)
        target = self.folder / self.table.file
        if target.is_file():
            present += [
                (row_key(self.table, row.cells), f"line {row.line}")
                for row in read_table(target, self.table).rows
                if not row.excluded
            ]
        for row in rows:
            key = row_key(self.table, row)
            where = next((place for other, place in present if same_key(key, other)), None)
            if where is not None and not row.get("exclude"):
                shown = ", ".join(
                    f"{name} {value!r}"
                    if isinstance(value, str)
                    else f"{name} {show_number(value)}"
                    for name, value in key.items()
                    if value is not None and value != ""
                )
                raise InputError(
                    f"{self.table.file} has a row of {shown} already ({where}): "
                    f'call this cell otherwise, with --set "cell=NAME" or with cell = "NAME" in '
                    f"{path.name}.toml"
                )

    def _refuse_taken(self, place: Path, path: Path) -> None:
        """Refuse to overwrite the record of a row that stands, or of this import."""
        if place in self._recorded:
            raise InputError(
                f"{path.name} and {self._recorded[place].name} are both of cell {place.stem!r}: "
                'give one of them another name, with cell = "NAME" in its sidecar'
            )
        if os.path.lexists(place):
            whole_record(place)
        records = every_record(self.folder)
        for record in records:
            table = str(record["table"])
            if record_path(self.folder, table, record["cell"]) != place:
                continue
            renamed = record["status"] == APPENDED and of_no_record(self.folder, table, records)
            if standing(self.folder, record) or renamed:
                raise InputError(
                    f"cell {record.get('cell')!r} has a record of provenance already "
                    f"({place.name}, from {record.get('file', {}).get('name')!r}): give this one "
                    'another name, with --set "cell=…" or in its sidecar'
                )

    def _draw(
        self,
        place: Path,
        record: "xr.Dataset",
        metadata: Metadata,
        reading: CurveReading,
        campaign: "Campaign",
        *,
        appending: bool,
    ) -> tuple[Path, ...]:
        from inference.figures.curve import curve_figure, write_curve_figure

        doubts = list(reading.doubts)
        if not appending:
            doubts.insert(0, f"Doubtful, and not appended to {self.table.file}.")
        figure = curve_figure(
            record,
            [reading.features[at] for at in reading.chosen],
            title=f"{metadata.cell}: {self.table.name.replace('_', ' ')}",
            synthetic=campaign.metadata.kind == "synthetic",
            notes=[*doubts, *reading.statements],
        )
        return write_curve_figure(figure, place)


def _about_the_record(record: "xr.Dataset", metadata: Metadata) -> Iterator[str]:
    """Yield what the file says of its own end, and of an area that nobody may have stated."""
    for name in ("aborted", "truncated", "substituted", "uncounted_time", "coarse_time"):
        if name in record.attrs:
            yield str(record.attrs[name])
    if (message := default_area(record, metadata)) is not None:
        yield message
