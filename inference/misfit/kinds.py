"""Which rows are cells of the second kind, where the fit lets a share of them scatter more."""

from inference.designs.basis import Basis
from inference.misfit.verdicts import Finding, Verdict
from inference.thresholds import SECOND_KIND
from models.cells import CONTAMINATED_MULTIPLIER

__all__ = ["second_kind_findings"]


def second_kind_findings(result: Basis) -> list[Finding]:
    """Name the rows that are probably of the second kind.

    Parameters
    ----------
    result : Basis
        A finished fit.

    Returns
    -------
    list of Finding
        One for each observed variable whose cells are contaminated.
    """
    found = []
    for variable, values in result.second_kind.items():
        name = str(variable)
        labels = [str(label) for label in values[f"{name}_row"].values]
        shares = dict(zip(labels, values.values.tolist(), strict=True))
        named = sorted((row for row in shares if shares[row] > SECOND_KIND), key=shares.__getitem__)
        if named:
            rows = ", ".join(f"{row} ({100 * shares[row]:.0f} %)" for row in reversed(named))
            text = (
                f"{name}: probably of the second kind, with {CONTAMINATED_MULTIPLIER:g} times the "
                f"scatter of the others: {rows}. They weigh little in what is said of the others; "
                "look at how they were made and read."
            )
        else:
            most = max(shares, key=shares.__getitem__)
            text = (
                f"{name}: no row is probably of the second kind, with {CONTAMINATED_MULTIPLIER:g} "
                f"times the scatter of the others; {most} is likeliest "
                f"({100 * shares[most]:.0f} %)."
            )
        verdict: Verdict = "warn" if named else "ok"
        found.append(Finding.of(f"second kind {name}", verdict, text, probability=shares))
    return found
