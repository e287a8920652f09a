"""What a result rests on, as citations: the data, priors, equations and software that were used."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.references import Reference, bibliography, recognise

if TYPE_CHECKING:
    from inference.runs.result import Result

__all__ = ["Citation", "citations"]

# As the projects themselves ask to be cited (README or CITATION.cff of each).
_SOFTWARE = {
    "pymc": Reference(
        key="pymc",
        citation=(
            "O. Abril-Pla et al., PyMC: a modern and comprehensive probabilistic programming "
            "framework in Python, PeerJ Comput. Sci. 9 (2023) e1516"
        ),
        doi="10.7717/peerj-cs.1516",
    ),
    "arviz": Reference(
        key="arviz",
        citation=(
            "O. A. Martin et al., ArviZ: a modular and flexible library for exploratory analysis "
            "of Bayesian models, J. Open Source Softw. 11 (2026) 9889"
        ),
        doi="10.21105/joss.09889",
    ),
    "nutpie": Reference(
        key="nutpie",
        citation=(
            "A. Seyboldt, E. L. Carlson, B. Carpenter, Preconditioning Hamiltonian Monte Carlo by "
            "minimizing Fisher divergence, arXiv:2603.18845 (2026)"
        ),
        doi="10.48550/arXiv.2603.18845",
    ),
}
# Sources of priors that are choices and not publications.
_OWN_CHOICES = frozenset({"", "project", "job"})
_NO_REFERENCE = {"tracer": "tracer measurements of self-diffusion in the bulk metal"}


# Sources of one kinetics law only.
_SOURCE_OF_A_LAW = {"zeng2014": "marcus_hush_chidsey"}


@dataclass(frozen=True)
class Citation:
    """One reference and what it was used for.

    Parameters
    ----------
    reference : Reference
        What to cite.
    uses : tuple of str
        For what, in words.
    """

    reference: Reference
    uses: tuple[str, ...]

    def __str__(self) -> str:
        """Return the citation and its uses on one line."""
        return f"{self.reference} (for {'; '.join(self.uses)})"


def citations(result: "Result") -> list[Citation]:
    """Return what a publication of a result should cite, and nothing that was not used.

    Parameters
    ----------
    result : Result
        A finished fit.

    Returns
    -------
    list of Citation
        Sources of the fitted data, of the priors, of the equations of the blocks present, and the
        software, each once.
    """
    uses: dict[str, list[str]] = {}
    for key, use in (*_data(result), *_priors(result), *_equations(result)):
        found = uses.setdefault(recognise(key) or key, [])
        if use not in found:
            found.append(use)
    sources = [Citation(_reference(key, result), tuple(used)) for key, used in uses.items()]
    return sources + list(_software(result))


def _data(result: "Result") -> Iterator[tuple[str, str]]:
    for key, tables in result.fitted_sources.items():
        yield key, f"the data in {', '.join(tables)}"


def _priors(result: "Result") -> Iterator[tuple[str, str]]:
    for key, parameters in result.prior_sources.items():
        if key not in _OWN_CHOICES:
            yield key, f"the prior of {', '.join(parameters)}"


def _equations(result: "Result") -> Iterator[tuple[str, str]]:
    from models.blocks import block

    for name in result.blocks:
        for key in block(name).sources:
            if result.kinetics == _SOURCE_OF_A_LAW.get(key, result.kinetics):
                yield key, "the equations of the model"


def _reference(key: str, result: "Result") -> Reference:
    """Return what a key stands for: the campaign's own citation, the shared one, or its text."""
    if key in bibliography():
        return bibliography()[key]
    return Reference(key=key, citation=result.references.get(key) or _NO_REFERENCE.get(key, key))


def _software(result: "Result") -> Iterator[Citation]:
    versions = result.versions
    project = Reference(
        key="anodebayes",
        citation=f"The anodebayes developers, anodebayes {versions.get('anodebayes', '')}".strip(),
    )
    yield Citation(project, ("the software",))
    for package, reference in _SOFTWARE.items():
        if package in versions:
            yield Citation(reference, (f"{package} {versions[package]}",))
