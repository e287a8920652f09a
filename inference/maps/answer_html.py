"""What a notebook shows of an answer, which shows itself with it: so it does not know it."""

from collections.abc import Sequence
from typing import Protocol

from data.display import fill
from inference.words.marks import marks

__all__ = ["answer_html"]

_ANSWER = """
{%- from "shared" import mark, listed, cell -%}
<div>{% for warning in warnings %}<p><strong>{{ warning }}</strong></p>{% endfor %}
<p><strong>{{ question }}: {{ value }}</strong>{{ mark(marks) }}</p>
{% for sentence in sentences %}<p>{{ sentence }}</p>{% endfor %}
</div>
"""


class _Answer(Protocol):
    """What is shown of an `inference.maps.answer.Answer`."""

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
        marks=marks(synthetic=synthetic, passed=not failed),
        warnings=answer.warnings,
        sentences=answer.sentences()[len(answer.warnings) :],
    )
