"""`python -m benchmarks NAME ...` is `python -m benchmarks.NAME ...`."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

KNOWN = sorted(
    path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_")
)

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in KNOWN:
        sys.exit(f"usage: python -m benchmarks {{{','.join(KNOWN)}}} ...")
    name = sys.argv.pop(1)
    runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)
