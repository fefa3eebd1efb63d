"""What the benchmarks share: medians with spread, a verdict, and a results file on request."""

import argparse
import statistics
import time
from typing import Any

from mobilenet_lib.files import record_result

START = time.perf_counter()


def summary(milliseconds: list[float]) -> dict[str, float]:
    """Median, quartiles and 95th percentile of readings, in milliseconds."""
    low, middle, high = statistics.quantiles(milliseconds, n=4)
    return {
        "readings": len(milliseconds),
        "median_ms": round(middle, 2),
        "quartiles_ms": [round(low, 2), round(high, 2)],
        "p95_ms": round(statistics.quantiles(milliseconds, n=20)[-1], 2),
    }


def show(name: str, result: dict[str, Any], limit_ms: float) -> bool:
    """Print one line and return whether the median keeps the limit."""
    low, high = result["quartiles_ms"]
    kept = result["median_ms"] < limit_ms
    print(
        f"{name:44s} median {result['median_ms']:7.2f} ms  "
        f"(quartiles {low:.2f} to {high:.2f}, 95 % below {result['p95_ms']:.2f})  "
        f"{'below' if kept else 'OVER'} {limit_ms:g} ms",
        flush=True,
    )
    return kept


def arguments(description: str) -> argparse.Namespace:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--record", action="store_true", help="write the result to data/results with provenance"
    )
    return parser.parse_args()


def finish(
    name: str, results: dict[str, Any], kept: bool, record: bool, packages: tuple[str, ...]
) -> None:
    """Record the results if asked to; exit with 1 if a limit was missed."""
    if record:
        content = {
            "results": results,
            "limits_kept": kept,
            "wall_time_s": round(time.perf_counter() - START, 1),
        }
        path = record_result(name, content, 0, packages)
        print(f"recorded in data/results/{path.name}")
    raise SystemExit(0 if kept else 1)
