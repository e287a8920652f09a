"""Findings on single rows: those that decide an answer, and those that are nearly impossible."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inference.checks.deciding import Deciding
from inference.checks.influence import LeftOutRows
from inference.misfit.verdicts import Finding, Section
from inference.thresholds import IMPROBABLE
from inference.words.plain import plain

if TYPE_CHECKING:
    from inference.designs.design import Design
    from inference.maps.answer import Answer
    from inference.runs.result import Result

__all__ = ["headline_designs", "rows_section"]


def headline_designs(result: "Result") -> list["Design"]:
    """Return the designs that the report of a run speaks of first.

    Parameters
    ----------
    result : Result
        A finished fit.

    Returns
    -------
    list of Design
        One of each kind of cell that the run maps, or has data of.
    """
    from inference.maps.start import explorable_cells, start_design

    axes: Mapping[str, Mapping[str, Any]] = {}
    if result.folder is not None:
        from inference.jobs.reading import load_job
        from inference.words.run_files import RESOLVED

        axes = load_job(result.folder / RESOLVED).map.designs
    sections = {
        cell: {key: value for key, value in section.items() if key != "separators"}
        for cell, section in axes.items()
    }
    return [
        start_design(result, cell, sections.get(cell, {}))[0]
        for cell, why in explorable_cells(result, sections).items()
        if not why
    ]


def rows_section(
    result: "Result",
    answers: Sequence["Answer"],
    *,
    refit: bool = True,
) -> Section:
    """Say which rows decide the safe currents of some designs, and which are nearly impossible.

    Parameters
    ----------
    result : Result
        A finished fit.
    answers : sequence of Answer
        Safe currents, at most one of each kind of cell.
    refit : bool
        Whether the model is fitted again without rows whose weights cannot be trusted, if an
        answer may hang on them.

    Returns
    -------
    Section
        With a table of every row.
    """
    rows = LeftOutRows(result)
    found = [rows.without_each(each) for each in answers]
    if refit and rows.refit(found):
        found = [rows.without_each(each) for each in answers]
    findings = [finding for each in found for finding in _findings(each)]
    odd = rows.improbable_sentence()
    findings.append(
        Finding.of(
            "improbable",
            "fail" if odd else "ok",
            odd
            or "No row is nearly impossible to the rest of the data "
            f"(least p = {min((row.p_value for row in rows.rows), default=1.0):.2g}).",
            rows=[
                {"row": str(row), "p_value": row.p_value, "method": row.method}
                for row in rows.improbable()
            ],
            limit=IMPROBABLE / max(1, len(rows.rows)),
        )
    )
    table = [
        plain(
            {
                "table": row.table,
                "row": row.name,
                "line": row.line,
                "pareto_k": row.pareto_k,
                "method": row.method,
                "p_value": row.p_value,
                "safe_current_without [mA/cm^2]": {
                    each.cell: each.rows[place].value
                    for each in found
                    if each.rows[place].method != "rough"
                },
            }
        )
        for place, row in enumerate(rows.rows)
    ]
    return Section(
        name="rows",
        title="Whether single rows decide",
        findings=tuple(findings),
        tables={"rows": table},
    )


def _findings(answer: Deciding) -> list[Finding]:
    begin = f"At {100 * answer.risk:g} % risk {answer.new_cell} bears {answer.value:.3g} mA/cm^2"
    numbers = {"value": answer.value, "risk": answer.risk, "new_cell": answer.new_cell}
    key = f"deciding {answer.cell}"
    if answer.deciding:
        rows = [each.to_dict() for each in answer.deciding]
        words = f"{begin}. {answer.sentence()}"
        found = [Finding.of(key, "warn", words, rows=rows, **numbers)]
    else:
        known = [each for each in answer.rows if each.method != "rough"]
        known_rows = "of the rows of which it is known none" if answer.untold else "no single row"
        words = f"{begin}, and {known_rows} moves that by more than a fifth"
        if known:
            most = max(known, key=lambda each: answer.factor(each.value))
            words += f"; most does {most.row}, without which it is {most.value:.3g}"
        found = [Finding.of(key, "ok", f"{words}.", rows=[], **numbers)]
    if answer.untold:
        rows = [each.to_dict() for each in answer.untold]
        found.append(
            Finding.of(
                f"not known {answer.cell}",
                "not checked",
                f"{begin}. {answer.unknown()}",
                rows=rows,
            )
        )
    return found
