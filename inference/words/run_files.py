"""Names of the files of a run folder."""

__all__ = [
    "CHECK",
    "FIGURES",
    "JOB",
    "LOG",
    "MAP",
    "MAP_TABLE",
    "MARKER",
    "PARAMETERS",
    "PRODUCTS",
    "REPORT",
    "RESOLVED",
    "RESULT",
    "SEPARATOR_MAP",
    "SUMMARY",
    "WITHOUT",
]

MARKER = "run.json"


JOB = "job.toml"


RESOLVED = "resolved.toml"


RESULT = "result.nc"


SUMMARY = "summary.csv"


MAP = "map.nc"


MAP_TABLE = "map_{}.csv"  # by kind of cell, and of named separators


SEPARATOR_MAP = "map_separators.nc"


CHECK = "check.json"


WITHOUT = "without.nc"


REPORT = "report.html"


PARAMETERS = "parameters.tex"


FIGURES = "figures"


LOG = "log.txt"


# What a run may come to write: none of it may be the user's when the run begins.
PRODUCTS = (
    RESULT,
    SUMMARY,
    MAP,
    *(MAP_TABLE.format(kind) for kind in ("liquid", "solid", "separators")),
    SEPARATOR_MAP,
    CHECK,
    WITHOUT,
    REPORT,
    PARAMETERS,
    RESOLVED,
    JOB,
    LOG,
)
