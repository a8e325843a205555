"""Side by side with MLflow: the same questions to both, in one run, on the same cores.

``make bench`` asks everything, ``make bench ONLY=tracking`` one part, ``make bench ARGS=--quick`` checks
quickly that everything runs. The peer is mlflow 3.17.2 as it comes (SQLite, its default workers), in the
environment that the tests of the real clients use. Both servers run at the same time and are asked in
turn. Prints Markdown, and writes JSON to ``bench/results/``.
"""

import argparse
import dataclasses
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import artifacts, end_to_end, growth, limits, registry, registry_growth, tracking
from bench.measuring import QUICK, Row, Sizes
from bench.servers import PEER

PARTS: dict[str, Callable[[Path, Sizes], Iterator[Row]]] = {
    "registry": registry.measure,
    "registry_postgresql": registry.measure_postgresql,
    "registry_growth": registry_growth.measure,
    "limits": limits.measure,
    "tracking": tracking.measure,
    "artifacts": artifacts.measure,
    "end_to_end": end_to_end.measure,
    "growth": growth.measure,
}
RESULTS = Path(__file__).resolve().parent / "results"


def main() -> None:
    """Measure what is asked for; print and write it."""
    parts, sizes, where = _asked()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {time.strftime('%F %R')}\n")
    print(f"| part | what | unit | assay | {PEER} | times better | goal |")
    print("|---|---|---|---:|---:|---:|---:|")
    found = []
    for part in parts:
        folder = Path(tempfile.mkdtemp(prefix=f"assay-bench-{part}-", dir=where))
        try:
            for row in PARTS[part](folder, sizes):
                _print(part, row)
                found.append({"part": part, **dataclasses.asdict(row), "ratio": row.ratio})
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    document = {"cores": os.cpu_count(), "sizes": dataclasses.asdict(sizes), "rows": found}
    file.write_text(json.dumps(document, indent=1), "utf-8")
    print(f"\nwritten to {file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}")


def _asked() -> tuple[list[str], Sizes, str | None]:
    reader = argparse.ArgumentParser(description="Measure side by side with MLflow.")
    reader.add_argument("--only", nargs="+", choices=sorted(PARTS), help="these parts")
    reader.add_argument("--quick", action="store_true", help="small sizes: a check that it runs, no result")
    reader.add_argument("--folder", help="where databases and files go for the time being")
    for each in dataclasses.fields(Sizes):
        reader.add_argument(f"--{each.name.replace('_', '-')}", type=int)
    said = reader.parse_args()
    given = {each.name: getattr(said, each.name) for each in dataclasses.fields(Sizes)}
    sizes = dataclasses.replace(
        QUICK if said.quick else Sizes(),
        **{name: value for name, value in given.items() if value is not None},
    )
    return said.only or list(PARTS), sizes, said.folder


def _print(part: str, row: Row) -> None:
    def shown(value: float | None, form: str = ".3g") -> str:
        return "" if value is None else format(value, form)

    better, goal = shown(row.ratio, ".2f" if row.unit == "x" else ".1f"), shown(row.goal, "g")
    cells = (part, row.what, row.unit, shown(row.assay), shown(row.mlflow), better, goal)
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
