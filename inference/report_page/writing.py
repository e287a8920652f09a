"""The report of a run as one HTML file that needs nothing else."""

import base64
import hashlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from data.errors import InputError
from data.files import read_text, resolved, what_stands
from data.whole_files import content_hash, temporary_folder, write_whole
from inference.maps.start import explorable_cells, start_design
from inference.report_page.contents import answers_in_words, report_contents
from inference.report_page.payload import page_payload
from inference.report_page.plot import bokeh_script, bokeh_version, map_plot
from inference.runs.run_folder import RunFolder
from inference.runs.run_marker import read_marker
from inference.words.run_files import FIGURES, REPORT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from inference.figures import RunContents
    from inference.runs.result import Result

__all__ = ["LARGEST", "is_current", "report_html", "write_report"]

LARGEST: Final = 5_000_000
"""Bytes that a report never exceeds: figures that do not fit are left out, and named."""

_FILES: Final = (
    "physics.js", "page.js", "report.css", "templates/report.html", "templates/equations.html",
)  # fmt: skip
_ROOM: Final = 20_000
_HEAD: Final = 20_000  # characters
_SEAL: Final = "\n<!-- anodebayes sha256 "
_RESOLUTION: Final = 130
_LARGE: Final = 150_000  # bytes of a figure in vectors
# What the page shows, in the order in which figures are given room.
_CAPTIONS: Final = {
    "map_liquid": "Safe currents of liquid cells, charging: the map that the run's job asks for.",
    "map_solid": "Safe currents of solid cells, stripping: the map that the run's job asks for.",
    "posterior": "Every parameter: what the data say beside what was assumed before them.",
    "sensitivity": "Which table moves which parameter.",
    "ridge_pairs": "Pairs of parameters that the data hardly separate.",
    "critical_current": "Critical current density against pore radius.",
    "overpotential": "Overpotential at penetration against pore radius.",
    "limiting_current": "Limiting current density.",
    "sand_time": "Time to depletion against current density.",
    "void_capacity": "Capacity without voids against current density.",
    "void_regimes": "What resupplies the metal: diffusion and creep.",
    "tafel": "Kinetics laws.",
    "deposits": "Coverage and thickness of deposits against pressure.",
}


def write_report(
    result: "Result",
    path: str | os.PathLike[str] | None = None,
    *,
    contents: "RunContents | None" = None,
    draws: int = 4000,
    force: bool = False,
) -> Path:
    """Write the report of a run: one HTML file that opens from disk and asks no network.

    Its map is computed in the page, on the posterior draws and with the noise of the run's maps:
    the numbers are those of `inference.safe_current_map` and `inference.safe_current`.

    Parameters
    ----------
    result : Result
        A finished fit.
    path : str or path, optional
        The file; ``report.html`` in the run folder by default.
    contents : RunContents, optional
        What else the run holds (maps, campaign, check); collected from its folder by default.
    draws : int, optional
        Posterior draws that the page carries; fewer make the file smaller.
    force : bool, optional
        Replace a file that is no report of this result, or was changed since it was written.

    Returns
    -------
    Path
        The file, at most 5 MB.

    Raises
    ------
    InputError
        Neither a path nor a run folder is known, or the file is another's.
    ChangedError
        Somebody saved a file of that name while the report was computed.
    RunFolderError
        The run folder holds another result by now.
    StorageError
        There is no space left.

    Examples
    --------
    >>> result = load_result("runs/sodium-literature")
    >>> write_report(result, "page.html").stat().st_size < 5e6
    True
    """
    from inference.figures import run_contents

    own = None if result.folder is None else result.folder.resolve() / REPORT
    target = own if path is None else resolved(path)
    if target is None:
        raise InputError("this result has no run folder: say where the report goes")
    if target == own:
        RunFolder(target.parent, result_id=result.id, force=force).require_as_written(REPORT)
        known = None
    else:
        known = _refuse_taken(target, result, own, force=force)
    contents = run_contents(result) if contents is None else contents
    text = _sealed(report_html(contents, draws=draws))

    def write(target: Path) -> None:
        target.write_text(text, encoding="utf-8", newline="\n")

    if target == own:
        return RunFolder(target.parent, result_id=result.id, force=force).write(REPORT, write)
    target.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(target, write, instead_of=known)


def _refuse_taken(target: Path, result: "Result", own: Path | None, *, force: bool) -> str:
    """Refuse to replace what is no report of this very result, as written; say what is replaced."""
    runs = [target.parent, *([target.parent.parent] if target.parent.name == FIGURES else [])]
    if any(read_marker(folder) is not None for folder in runs):
        raise InputError(
            f"{str(target)!r} is in the folder of a run, where only its own files stand: name "
            + ("another file" if own is None else f"another file, or {str(own)!r}")
        )
    if target.exists() and not target.is_file():
        raise InputError(f"{str(target)!r} {what_stands(target)}")
    known = content_hash(target)
    if target.exists() and not force and not _is_as_written(target, result):
        raise InputError(
            f"{str(target)!r} is there already and is no report of this result, or was changed "
            "since it was written: name another file, or replace it with --force"
        )
    return known


def _sealed(page: str) -> str:
    """Return a page with a hash of its text as its last line."""
    return f"{page}{_SEAL}{hashlib.sha256(page.encode()).hexdigest()} -->\n"


def _is_as_written(path: Path, result: "Result") -> bool:
    """Say whether a file is a report of a result, and nobody has changed it since."""
    return f'<meta name="anodebayes-run" content="{result.id}">' in _head(path)


def _head(path: Path) -> str:
    """Return the first lines of a page that is as it was written; nothing of anything else."""
    try:
        text = read_text(path, 2 * LARGEST)
    except InputError:
        return ""
    page, _, _ = text.rpartition(_SEAL)
    return page[:_HEAD] if _sealed(page) == text else ""


def is_current(path: Path, contents: "RunContents") -> bool:
    """Say whether a report was written from the same result, maps and check, and is whole.

    Parameters
    ----------
    path : Path
        The report; it need not exist.
    contents : RunContents
        The run.

    Returns
    -------
    bool
        Whether it says the same.
    """
    return f'content="{_fingerprint(contents)}"' in _head(path)


def _fingerprint(contents: "RunContents") -> str:
    """Return a hash of everything that a report is written from."""
    result = contents.result
    parts = {
        "result": result.id,
        "versions": [version("anodebayes"), bokeh_version()],
        "maps": {
            cell: json.loads(json.dumps(dict(each.attrs), default=str))
            for cell, each in contents.maps.items()
        },
        "check": contents.check,
        "campaign": None if contents.campaign is None else contents.campaign.content_hash,
        "page": [_own(name) for name in _FILES],
    }
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def report_html(contents: "RunContents", *, draws: int = 4000) -> str:
    """Return the report of a run as text.

    Parameters
    ----------
    contents : RunContents
        The run.
    draws : int
        Posterior draws that the page carries.

    Returns
    -------
    str
        The page.
    """
    result = contents.result
    sections = _sections(contents)
    cells = explorable_cells(result, sections)
    if not result.gate.passed and not contents.maps:
        cells = {cell: why or "its draws have not converged" for cell, why in cells.items()}
    open_cells = {cell: sections.get(cell, {}) for cell, why in cells.items() if not why}
    context = report_contents(contents, cells)
    scripts: dict[str, str] = {}
    payload: dict[str, Any] = {}
    if open_cells:
        payload = page_payload(result, open_cells, draws=draws)
        payload["plot"] = map_plot(_mark(result))
        scripts = {
            "bokeh": bokeh_script(),
            "physics": _own("physics.js"),
            "page": _own("page.js"),
        }
    designs = {cell: start_design(result, cell, open_cells[cell])[0] for cell in open_cells}
    context |= {
        "answers": answers_in_words(result, designs, draws=draws),
        "scripts": scripts,
        "payload": payload,
        "style": _own("report.css"),
        "policy": _policy(scripts),
        "fingerprint": _fingerprint(contents),
        "run": result.id,
        "bokeh_version": bokeh_version() if scripts else "",
        "figures": {},
        "left_out": [],
    }
    room = LARGEST - _ROOM - len(_render(context).encode())
    for name, caption, source in _figures(contents):
        if len(source) + len(caption) + 500 > room:
            context["left_out"].append(name)
            continue
        room -= len(source) + len(caption) + 500
        context["figures"][name] = {"caption": caption, "source": source}
    return _render(context)


def _sections(contents: "RunContents") -> dict[str, Mapping[str, Any]]:
    """Return the designs of the run's maps, as its job writes them."""
    found: dict[str, Mapping[str, Any]] = {}
    for cell, dataset in contents.maps.items():
        section = json.loads(str(dataset.attrs.get("axes", "{}")))
        found[cell] = {key: value for key, value in section.items() if key != "separators"}
    return found


def _mark(result: "Result") -> str:
    marks = ["SYNTHETIC DATA"] if result.synthetic else []
    if not result.gate.passed:
        marks.append("NOT CONVERGED: do not use")
    return ", ".join(marks)


def _own(name: str) -> str:
    return files("inference.report_page").joinpath(name).read_text(encoding="utf-8")


def _policy(scripts: Mapping[str, str]) -> str:
    """Return a content security policy: these scripts alone run, and nothing is fetched."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in scripts.values())
    allowed = " ".join(f"'sha256-{each.decode()}'" for each in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _figures(contents: "RunContents") -> Iterator[tuple[str, str, str]]:
    """Yield name, caption and source of every figure that the run can draw."""
    from inference.figures import NothingToDrawError, figure_drawers

    drawers = figure_drawers(contents)
    known = [*_CAPTIONS]

    def rank(name: str) -> int:
        if name.startswith("predictive_"):
            return -1
        place = [at for at, each in enumerate(known) if name.startswith(each)]
        return place[0] if place else len(known)

    for name in sorted(drawers, key=rank):
        caption = next((text for start, text in _CAPTIONS.items() if name.startswith(start)), None)
        if name.startswith("predictive_"):
            caption = "Data against what the fitted model predicts for them."
        if caption is None:
            continue
        source = _drawn_before(contents, name)
        if not source:
            try:
                source = _source(drawers[name](None))
            except NothingToDrawError:
                continue
        yield name, caption, source


def _drawn_before(contents: "RunContents", name: str) -> str:
    """Return a figure of the run folder, where it is as drawn, small, and of what is there now."""
    from inference.figures import made_of, shows_the_same

    folder = contents.result.folder
    marker = None if folder is None else read_marker(folder)
    if folder is None or marker is None:
        return ""
    path = folder / FIGURES / f"{name}.svg"
    if not path.is_file() or path.stat().st_size > _LARGE:
        return ""
    content, entry = path.read_bytes(), f"{FIGURES}/{path.name}"
    as_drawn = hashlib.sha256(content).hexdigest() in marker.hashes.get(entry, ())[-1:]
    now = made_of(contents.result)
    if not as_drawn or not shows_the_same(name, marker.made_of.get(entry, {}), now):
        return ""
    return _address("svg+xml", content)


def _source(figure: "Figure") -> str:
    """Return a figure as the source of an image: vectors, unless pixels are much smaller."""
    from inference.figures.style import save_figure

    with temporary_folder() as folder:
        path = folder / "figure.svg"
        save_figure(figure, path)
        vectors = path.read_bytes()
    if len(vectors) > _LARGE:
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_RESOLUTION)
        if len(pixels := stream.getvalue()) < 0.7 * len(vectors):
            return _address("png", pixels)
    return _address("svg+xml", vectors)


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _render(context: Mapping[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(
        loader=PackageLoader("inference.report_page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_block"] = _data_block
    environment.filters["units"] = _with_signs
    environment.filters["in_words"] = _in_words
    environment.filters["breakable"] = lambda name: escape(name).replace("_", Markup("_<wbr>"))
    # The package's own files; nothing of a campaign is in them.
    own = {
        "scripts": {name: Markup(text) for name, text in context["scripts"].items()},  # noqa: S704
        "style": Markup(context["style"]),  # noqa: S704
    }
    return environment.get_template("report.html").render({**context, **own})


def _in_words(text: str) -> str:
    """Write the names of parameters and of tables in a sentence as words, files left alone."""
    from data.quantities import quantities
    from data.tables import tables
    from inference.figures.labels import words

    def spoken(found: re.Match[str]) -> str:
        name = words(found[1])
        member = f" ({found[2].replace('_', ' ')})" if found[2] else ""
        begins = text[: found.start()].endswith(". ") or found.start() == 0
        return f"{name[0].upper() + name[1:] if begins else name}{'²' if found[3] else ''}{member}"

    parameters = sorted(quantities(), key=len, reverse=True)
    names = "|".join([*parameters, *(f"{table}(?:_[a-z_]+)?" for table in tables())])
    text = re.sub(rf"\b({names})\b(?!\.csv)(?:\[([^\]]+)\])?(\^2)?", spoken, text)
    return re.sub(r"(?<=[a-z²]) ?\* ?(?=[a-z|])", " × ", text)


def _with_signs(text: str) -> str:
    """Write the units of a text of this project with the signs that readers know."""
    text = re.sub(r"\b(c?m)\^([23])", lambda found: found[1] + "²³"[int(found[2]) - 2], text)
    text = re.sub(r"(?<=\d )um\b", "µm", re.sub(r"\bdegC\b", "°C", text))
    return re.sub(r"(?<=\[)um(?=\])", "µm", re.sub(r"\bohm\b", "Ω", text))


def _data_block(value: Any) -> Any:
    """Return data as JSON that no element of a page can be ended or begun by."""
    from markupsafe import Markup

    text = json.dumps(value, allow_nan=False, separators=(",", ":"))  # ASCII, so that no sign of
    for sign in "<>&":  # other scripts ends a line of code
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - escaped above
