"""What a notebook shows of a result and of an answer.

Both show themselves with what stands here, which therefore knows neither.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from data.display import fill
from inference.runs.standing import PRIOR_DRIVEN_WORDS
from inference.thresholds import INTERVAL

if TYPE_CHECKING:
    import pandas as pd

    from inference.runs.gate import Gate

__all__ = ["answer_html", "result_html"]

_OF_ALL = ("", "one_way]", "step]")

_RESULT = """
{%- from "shared" import mark, listed, cell -%}
<div><p><strong>Result {{ name }}</strong>{{ mark(marks) }}<br>
Campaign {{ campaign }}: {{ blocks }}; kinetics: {{ kinetics }}.<br>
Convergence gate: <strong>{{ "passed" if passed else "FAILED" }}</strong>.
{% for failure in failures %}<br>{{ failure }}{% endfor %} {{ advice }}</p>
<table><thead><tr><th style="text-align:left">parameter</th><th style="text-align:left">unit</th>
<th>median</th><th>{{ percent }} interval</th><th>narrower</th>
<th style="text-align:left">informed by</th></tr></thead><tbody>
{% for row in rows %}
<tr>{{ cell(row.name) }}{{ cell(row.unit) }}{{ cell(row.median, "right") }}
{{ cell(row.interval, "right") }}{{ cell(row.narrower, "right") }}{{ cell(row.informed_by) }}</tr>
{% endfor %}
</tbody></table>
<p>narrower: by how much the interval is narrower than that of the prior (of its logarithm where the
parameter is positive). Where a parameter is {{ driven }}, the data hardly speak of it: it is the
prior that is shown.</p>
{{ listed("Findings (%d)" % findings | length, findings) }}
{{ listed("Convergence", criteria) }}
{{ listed("Assumed numbers (%d)" % assumed | length, assumed) }}
</div>
"""
_ANSWER = """
{%- from "shared" import mark, listed, cell -%}
<div>{% for warning in warnings %}<p><strong>{{ warning }}</strong></p>{% endfor %}
<p><strong>{{ question }}: {{ value }}</strong>{{ mark(marks) }}</p>
{% for sentence in sentences %}<p>{{ sentence }}</p>{% endfor %}
</div>
"""


class _Result(Protocol):
    """What is shown of an `inference.runs.result.Result`."""

    @property
    def attrs(self) -> Mapping[str, Any]: ...
    @property
    def synthetic(self) -> bool: ...
    @property
    def blocks(self) -> Sequence[str]: ...
    @property
    def kinetics(self) -> str: ...
    @property
    def gate(self) -> "Gate": ...
    @property
    def assumptions(self) -> Sequence[str]: ...
    def findings(self) -> Sequence[str]: ...
    def summary(self) -> "pd.DataFrame": ...


class _Answer(Protocol):
    """What is shown of an `inference.maps.questions.Answer`."""

    @property
    def question(self) -> str: ...
    @property
    def value(self) -> float | None: ...
    @property
    def unit(self) -> str: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def warnings(self) -> Sequence[str]: ...
    def sentences(self) -> Sequence[str]: ...


def result_html(result: _Result) -> str:
    """Return what a notebook shows of a result.

    Parameters
    ----------
    result : Result
        A finished fit.

    Returns
    -------
    str
        HTML: the verdict on the sampling and the parameters; findings, criteria and assumed numbers
        are folded.
    """
    from inference.cli.text import interval, number

    gate, summary = result.gate, result.summary()
    rows: list[dict[str, Any]] = []
    for label, row in summary.iterrows():
        if str(label).partition("[")[2] not in _OF_ALL:
            continue
        rows.append(
            {
                "name": str(label),
                "unit": "" if row["unit"] == "1" else row["unit"],
                "median": number(row["median"], row["upper"] - row["lower"]),
                "interval": interval(row["lower"], row["upper"]),
                "narrower": "-" if math.isnan(row["narrowing"]) else f"{number(row['narrowing'])}×",
                "informed_by": row["informed_by"],
            }
        )
    return fill(
        _RESULT,
        name=str(result.attrs["name"]),
        marks=_marks(synthetic=result.synthetic, passed=gate.passed),
        campaign=str(result.attrs["campaign"]),
        blocks=", ".join(result.blocks),
        kinetics=result.kinetics.replace("_", "-"),
        passed=gate.passed,
        failures=gate.failures,
        advice=gate.advice,
        percent=f"{100 * INTERVAL:g} %",
        rows=rows,
        driven=PRIOR_DRIVEN_WORDS,
        findings=result.findings(),
        criteria=[f"{name}: {value}" for name, value in gate.criteria.items()],
        assumed=result.assumptions,
    )


def answer_html(answer: _Answer) -> str:
    """Return what a notebook shows of an answer to a design question.

    Parameters
    ----------
    answer : Answer
        From `inference.safe_current` and its like.

    Returns
    -------
    str
        HTML: what warns of the value, the value, and everything that must be known with it, in
        sentences.
    """
    value = "no answer within what is known"
    if answer.value is not None:
        value = f"{answer.value:.3g} {answer.unit}"
    synthetic = any(note.startswith("SYNTHETIC") for note in answer.notes)
    failed = any(note.startswith("NOT CONVERGED") for note in answer.notes)
    words = answer.question.replace("_", " ")
    return fill(
        _ANSWER,
        question=words[0].upper() + words[1:],
        value=value,
        marks=_marks(synthetic=synthetic, passed=not failed),
        warnings=answer.warnings,
        sentences=answer.sentences()[len(answer.warnings) :],
    )


def _marks(*, synthetic: bool, passed: bool) -> str:
    """Return what must stand beside numbers that are not to be taken as they are."""
    marks = [*(["SYNTHETIC DATA"] if synthetic else []), *([] if passed else ["NOT CONVERGED"])]
    return ", ".join(marks)
