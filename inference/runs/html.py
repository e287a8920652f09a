"""What a notebook shows of a result, which shows itself with it: so it does not know it."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from data.display import fill
from inference.engine.standing import PRIOR_DRIVEN_WORDS
from inference.thresholds import INTERVAL
from inference.words.labels import is_of_all
from inference.words.marks import marks
from inference.words.numbers import interval, number

if TYPE_CHECKING:
    import pandas as pd

    from inference.runs.gate import Gate

__all__ = ["result_html"]


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
    gate, summary = result.gate, result.summary()
    rows: list[dict[str, Any]] = []
    for label, row in summary.iterrows():
        if not is_of_all(str(label)):
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
        marks=marks(synthetic=result.synthetic, passed=gate.passed),
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
