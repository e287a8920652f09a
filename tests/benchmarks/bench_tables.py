"""Print time of reading campaigns with long tables, and of what `validate` says of them.

Run as ``python tests/benchmarks/bench_tables.py``: it should grow with the rows and no faster.
Nothing is asserted: claims about speed are read from here.
"""

import tempfile
import time
from pathlib import Path

from data import load_campaign
from inference.jobs.notes import campaign_notes

METADATA = 'name = "long"\nmetal = "Na"\nelectrolyte = "NaPF6"\nkind = "measured"\n'
SEPARATORS = "separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\n"
PENETRATION = (
    "cell,separator,temperature [degC],current_density [mA/cm^2],outcome,capacity [mAh/cm^2]\n"
)


def write(folder: Path, rows: int) -> None:
    """Write a campaign of so many cells."""
    (folder / "campaign.toml").write_text(METADATA, encoding="utf-8")
    names = "".join(f"s{k},polymer,14,25,0.4\n" for k in range(10))
    (folder / "separators.csv").write_text(SEPARATORS + names, encoding="utf-8")
    outcomes = ("survived", "penetrated", "penetrated")
    cells = "".join(f"c{k},s{k % 10},25,{1 + k % 7},{outcomes[k % 3]},1\n" for k in range(rows))
    (folder / "penetration.csv").write_text(PENETRATION + cells, encoding="utf-8")


def main() -> None:
    """Measure each length."""
    load_campaign("sodium-synthetic")  # what is imported and built once
    for rows in (1_000, 10_000, 100_000):
        with tempfile.TemporaryDirectory() as place:
            write(Path(place), rows)
            begin = time.process_time()
            campaign = load_campaign(place)
            read = time.process_time()
            campaign_notes(campaign)
            noted = time.process_time()
        print(f"{rows:7d} rows   read {read - begin:5.2f} s   notes {noted - read:5.2f} s")


if __name__ == "__main__":
    main()
