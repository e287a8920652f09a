"""From instrument files to rows of a campaign: metadata, curve features, rows, provenance.

``records`` imports files; ``curves`` holds one module a table that raw curves make rows of.
"""

from inference.importing.outcomes import Outcome
from inference.importing.records import import_records

__all__ = ["Outcome", "import_records"]
