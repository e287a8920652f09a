"""The command `options`: what a job may choose about the model."""

from inference.cli.guard import guarded

__all__ = ["options"]

_KINETICS = "The law that relates current to overpotential, in every table that needs one."
_EXAMPLE = """
  [model]
  kinetics = "butler_volmer"

  [model.options.penetration]
  pores = "weakest_link"
"""


@guarded
def options() -> None:
    """List what a job may choose about the model, table by table, with values and defaults."""
    from typing import get_args

    import typer

    from inference.cli.text import paragraph
    from models.block_options import also_for, choices
    from models.options import KineticsLaw, ModelOptions

    paragraph(
        "What a job may choose about the model, table by table. The first value is the default; "
        "an option that is left out keeps it."
    )
    default = str(ModelOptions.model_fields["kinetics"].default)
    _show("[model]", [("kinetics", get_args(KineticsLaw), default, _KINETICS)])
    for name, found in choices().items():
        others = ", ".join(also_for(name))
        _show(
            f"[model.options.{name}]" + (f"  # and for {others}" if others else ""),
            [(each.name, each.values, each.default, each.sentence) for each in found],
        )
    paragraph()
    paragraph("In a job file, for example:")
    typer.echo(_EXAMPLE)
    paragraph(
        "`anodebayes compare JOB JOB` says which choice predicts the same data better; "
        "`anodebayes priors` lists the priors that a job may replace."
    )


def _show(section: str, entries: list[tuple[str, tuple[str, ...], str, str]]) -> None:
    from inference.cli.text import paragraph

    paragraph()
    paragraph(section, bold=True)
    for name, values, default, sentence in entries:
        others = [f'"{value}"' for value in values if value != default]
        legal = f" (or {', '.join(others)})" if others else ""
        paragraph(f'{name} = "{default}"{legal}', indent="  ")
        paragraph(sentence, indent="      ")
