"""Print time and memory of reading and searching records of a million rows.

Run as ``python tests/benchmarks/bench_records.py``: each format is written, read in a process of
its own and searched for a penetration. Nothing is asserted: claims about speed are read from here.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROWS = 1_000_000
READ = """
import resource, sys, time
begin = time.perf_counter()
from data import read_record
from data.features import find_penetration
loaded = time.perf_counter()
record = read_record(sys.argv[1])
read = time.perf_counter()
find_penetration(record)
searched = time.perf_counter()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"import {loaded - begin:5.2f} s   read {read - loaded:5.2f} s   "
      f"search {searched - read:5.2f} s   peak memory {memory:5.0f} MB")
"""


def plain(path: Path) -> None:
    """Write a plain table with BDF names."""
    with path.open("w", encoding="utf-8") as file:
        file.write("Test Time / s,Voltage / V,Current / A\n")
        file.writelines(f"{0.5 * k},{0.1 + 1e-7 * (k % 1013):.7f},0.001\n" for k in range(ROWS))


def gamry(path: Path) -> None:
    """Write a chronopotentiometry of Gamry Framework."""
    with path.open("w", encoding="utf-8") as file:
        file.write("EXPLAIN\nTAG\tCHRONOP\nTITLE\tLABEL\tChronopotentiometry\tTest\n")
        file.write(f"CURVE\tTABLE\t{ROWS}\n\tPt\tT\tVf\tIm\n\t#\ts\tV vs. Ref.\tA\n")
        file.writelines(
            f"\t{k}\t{0.5 * k}\t{0.1 + 1e-7 * (k % 1013):.7f}\t1.0E-003\n" for k in range(ROWS)
        )


def main() -> None:
    """Measure each format."""
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("plain.csv", plain), ("gamry.DTA", gamry)):
            path = Path(folder) / name
            write(path)
            done = subprocess.run(
                [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=False
            )
            size = path.stat().st_size / 1e6
            print(f"{name:10s} {size:4.0f} MB   {done.stdout.strip() or done.stderr[-400:]}")


if __name__ == "__main__":
    main()
