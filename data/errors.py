"""The one family of exceptions: every mistake a user can make ends in one of these.

The text of an exception is the whole message: what is wrong, where, the value, what is legal and
what to do about it. The command line prints it and exits with code 2; a traceback is always a bug.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

__all__ = [
    "AnodebayesError",
    "CampaignError",
    "ChangedError",
    "FeatureError",
    "InputError",
    "JobError",
    "MapError",
    "Mistake",
    "ModelError",
    "PriorError",
    "RecordError",
    "RunFolderError",
    "StorageError",
    "UnitError",
    "first_of",
]


_LONG_WORD = re.compile(r"(\S{200})\S{200,}")


class AnodebayesError(Exception):
    """Base of every error that is the input's fault and not the program's.

    What it quotes is cut where it is longer than anybody reads.
    """

    def __str__(self) -> str:
        """Return the message."""
        return _LONG_WORD.sub(r"\1…", super().__str__())


class InputError(AnodebayesError):
    """An argument of a function or a command is not legal."""


class UnitError(InputError):
    """A unit cannot be read, or has the wrong dimension for its quantity."""


class FeatureError(InputError):
    """A record cannot hold the feature that is looked for in it."""


class RecordError(InputError):
    """An instrument's file cannot be read for certain: damaged, cut off or of another kind."""


@dataclass(frozen=True)
class Mistake:
    """One mistake in one campaign file.

    Parameters
    ----------
    file : str
        Name of the file, relative to the campaign's folder.
    message : str
        What is wrong, the value, what is legal and what to do.
    line : int, optional
        Line of the file, the header being line 1.
    column : str, optional
        Column as the header names it.
    """

    file: str
    message: str
    line: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        """Return the place and the message on one line."""
        place = self.file
        if self.line is not None:
            place += f", line {self.line}"
        if self.column is not None:
            place += f", column {self.column!r}"
        return f"{place}: {self.message}"


MOST_MISTAKES = 50
"""So many mistakes of one kind are told of a file."""


def first_of[Place](
    file: str, places: Sequence[Place], tell: Callable[[Place], Mistake]
) -> Iterator[Mistake]:
    """Yield the first mistakes of a file, and how many more there are.

    Parameters
    ----------
    file : str
        Name of the file.
    places : sequence
        Where they are.
    tell : callable
        Says what is wrong at one of them.

    Yields
    ------
    Mistake
        At most `MOST_MISTAKES` and one more.
    """
    yield from map(tell, places[:MOST_MISTAKES])
    if (more := len(places) - MOST_MISTAKES) > 0:
        yield Mistake(file, f"and {more} more mistake{'s' if more > 1 else ''}")


class CampaignError(AnodebayesError):
    """A campaign folder breaks the data contract; all its mistakes are listed at once.

    Parameters
    ----------
    campaign : str
        Name or path of the campaign.
    mistakes : sequence of Mistake
        At least one.
    """

    def __init__(self, campaign: str, mistakes: Sequence[Mistake]) -> None:
        self.campaign = campaign
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        head = f"campaign {campaign!r} has {count} mistake{'s' if count != 1 else ''}:"
        super().__init__("\n".join([head, *(f"  {mistake}" for mistake in self.mistakes)]))


class JobError(AnodebayesError):
    """A job file is not a legal job."""


class PriorError(AnodebayesError):
    """A prior is not legal, or cites a source whose data the job fits."""


class ModelError(AnodebayesError):
    """The campaign and the options do not make a model."""


class RunFolderError(AnodebayesError):
    """A run folder is locked, incomplete, or belongs to another job."""


class StorageError(AnodebayesError):
    """There is no space left where a file is to be written, or no memory for what is computed."""


class ChangedError(AnodebayesError):
    """A file that was to be replaced is not the one any more that was looked at."""


class MapError(AnodebayesError):
    """A design or an axis of a safe-current map is not legal."""
