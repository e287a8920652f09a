"""What a notebook shows of an object: a part of a page, with every name and text escaped."""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

    from data.summary import Shown

__all__ = ["campaign_html", "fill"]

_SHARED = """
{%- macro mark(words) -%}
{% if words %} <strong style="background:#a33b00;color:#fff;padding:.1em .5em">{{ words }}</strong>
{%- endif %}
{%- endmacro %}
{%- macro listed(title, lines) -%}
{% if lines %}
<details><summary>{{ title }}</summary>
<ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul></details>
{% endif %}
{%- endmacro %}
{%- macro cell(text, side="left") -%}
<td style="text-align:{{ side }};vertical-align:top;white-space:normal;padding-right:1em">
{{- text }}</td>
{%- endmacro %}
"""
_CAMPAIGN = """
{%- from "shared" import mark, listed, cell -%}
<div><p><strong>Campaign {{ name }}</strong>{{ mark("SYNTHETIC DATA" if synthetic else "") }}<br>
{{ title }}</p>
<table><tbody>
{% for label, text in facts %}
<tr><th style="text-align:left;vertical-align:top">{{ label }}</th>{{ cell(text) }}</tr>
{% endfor %}
</tbody></table>
<table><thead><tr><th style="text-align:left">table</th><th>rows</th>
<th style="text-align:left">holds</th></tr></thead><tbody>
{% for table, count, ranges, tallies in tables %}
<tr>{{ cell(table) }}{{ cell(count, "right") }}
<td style="text-align:left;vertical-align:top;white-space:normal">{{ ranges }}
{% for tally in tallies %}<br><em>{{ tally }}</em>{% endfor %}</td></tr>
{% endfor %}
</tbody></table>
{{ listed("Rows left out (%d)" % excluded | length, excluded) }}
{{ listed("Assumed numbers (%d): no source states them so" % assumed | length, assumed) }}
{{ listed("Sources", sources) }}
{{ listed("Notes", notes) }}
</div>
"""


def fill(template: str, **values: Any) -> str:
    """Fill a template; text is escaped, so that no name in a file can become markup.

    Parameters
    ----------
    template : str
        In the language of Jinja; ``{% from "shared" import mark, listed, cell %}`` gives the marks,
        folded lists and cells of tables that all objects share.
    **values
        What it names.

    Returns
    -------
    str
        HTML.
    """
    return _environment().from_string(template).render(values)


@cache
def _environment() -> "Environment":
    from jinja2 import DictLoader, Environment, StrictUndefined

    return Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=DictLoader({"shared": _SHARED}),
    )


def campaign_html(campaign: "Shown") -> str:
    """Return what a notebook shows of a campaign.

    Parameters
    ----------
    campaign : Campaign
        The campaign.

    Returns
    -------
    str
        HTML: what it is and what each table holds; rows left out, assumed numbers, sources and
        notes are folded.
    """
    from data.summary import (
        KINDS,
        METALS,
        citations,
        excluded_phrases,
        range_phrases,
        tally_phrases,
    )
    from data.tables import tables

    metadata = campaign.metadata
    salt = metadata.salt_concentration
    facts = [
        ("kind", KINDS[metadata.kind]),
        ("metal", f"{metadata.metal} ({METALS[metadata.metal]})"),
        ("electrolyte", metadata.electrolyte),
        ("salt", "" if salt is None else f"{salt:g} mol/L"),
        ("licence", metadata.licence),
    ]
    return fill(
        _CAMPAIGN,
        name=metadata.name,
        synthetic=metadata.kind == "synthetic",
        title=metadata.title,
        facts=[fact for fact in facts if fact[1]],
        tables=[
            (
                name,
                rows.sizes[name],
                ", ".join(range_phrases(tables()[name], rows)),
                list(tally_phrases(tables()[name], rows)),
            )
            for name, rows in campaign.tables.items()
        ],
        excluded=list(excluded_phrases(campaign)),
        assumed=[str(each) for each in campaign.assumptions],
        sources=[f"{key}: {text}" for key, text in citations(campaign).items()],
        notes=metadata.notes,
    )
