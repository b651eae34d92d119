"""Draw the log of a training: `python -m models.curves models/detector.toml`."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from models.config import load


def draw(log: Path, out: Path) -> None:
    """Losses over steps, and the learning rate below them, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with log.open(newline="") as sheet:
        rows = list(csv.DictReader(sheet))
    steps = [int(row["step"]) for row in rows]
    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for name in ("classes", "boxes", "distribution"):
        above.plot(steps, [float(row[name]) for row in rows], label=name)
    above.set_ylabel("loss, moving mean")
    above.legend()
    below.plot(steps, [float(row["rate"]) for row in rows])
    below.set_ylabel("learning rate")
    below.set_xlabel("step")
    figure.savefig(out, dpi=110)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    config = load(parser.parse_args().config)
    draw(config.work / "log.csv", config.work / "curves.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
