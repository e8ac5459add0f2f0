"""How many people one card serves, in simulation: our scheduling policy, with step times from a table.

python -m benchmarks.scheduler_simulation [--table my_card.json] [--plot out/streams.png]

The policy is that of `utils/engines/`, which the server does not use yet. People, engines and the card are simulated:
each person asks, hears an answer of 20 to 80 tokens to its end, thinks for 1 to 5 s and asks again. The step times are
those of `benchmarks/step_times.json`, which says of each whether it was measured or assumed: copy it and edit it for
another card. Two orders are compared, over the same people:

    latest start   the policy's own: due time less the work left
    first come     jobs as they come, each until its listener has enough

A gap is a moment at which a listener has heard everything and no more is there. Prints a table, draws it, and ends with
one JSON line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks.report import plots, print_json, table
from benchmarks.simulated_streams import COMING_S, Card, Simulation, read_card
from utils.engines.demands import Order

TABLE = Path(__file__).parent / "step_times.json"
STREAMS = (1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 40, 50, 75, 100, 150, 200)
COLUMNS = ("replies", "gap p95 ms", "with gaps %", "first sound ms", "p95 ms", "busy %", "rows a step", "admits")


def figures(card: Card, people: int, order: Order, seconds: float, seed: int) -> dict[str, Any]:
    """What so many people have of one card. Those who still wait for a first sound have waited so long at least."""
    simulation = Simulation(card, people, order, seed)
    simulation.run(2 * COMING_S)
    busy_s = simulation.busy_s
    state = simulation.run(2 * COMING_S + seconds)
    replies = [reply for reply in simulation.replies if reply.asked_at >= COMING_S]
    gaps = [1_000 * sum(reply.gaps_s) for reply in replies]
    first = [1_000 * reply.first_s for reply in replies] + [1_000 * waited_s for waited_s in simulation.waiting_s()]
    return {
        "replies": len(replies),
        "gap_p95_ms": _percentile(gaps, 95),
        "with_gaps_percent": round(100 * float(np.mean(np.array(gaps) > 0)), 1) if gaps else None,
        "first_sound_ms": _percentile(first, 50),
        "first_sound_p95_ms": _percentile(first, 95),
        "busy_percent": round(100 * (simulation.busy_s - busy_s) / seconds / card.at_a_time, 1),
        "rows_a_step": round(state.batches.get(card.kinds["tts piece"].part, 0.0), 1),
        "admits": state.admits,
    }


def _percentile(values: Sequence[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 1) if values else None


def _cell(value: Any) -> str:
    return "-" if value is None else str(value)


def most_without_gaps(rows: Mapping[int, Mapping[str, Any]]) -> int:
    """The largest number of people up to which the 95th percentile of gaps is 0; 0 where it never is."""
    most = 0
    for people, row in sorted(rows.items()):
        if row["gap_p95_ms"] != 0:
            break
        most = people
    return most


def draw(file: Path, found: Mapping[Order, Mapping[int, Mapping[str, Any]]]) -> None:
    """Gaps, and the wait for the first sound, over the number of people."""
    with plots(file, 8, [3, 3]) as axes:
        for axis, name, label in zip(
            axes,
            ("gap_p95_ms", "first_sound_p95_ms"),
            ("gaps in a reply, p95, ms", "first sound, p95, ms"),
            strict=True,
        ):
            for order, rows in found.items():
                axis.plot(list(rows), [row[name] for row in rows.values()], marker="o", label=order.value)
            axis.set(ylabel=label)
            axis.legend()
        axes[-1].set(xlabel="people at once")


def main(argv: Sequence[str] | None = None) -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--table", type=Path, default=TABLE, help="step times, as in benchmarks/step_times.json")
    parser.add_argument("--streams", type=int, nargs="+", default=STREAMS, help="how many people at once")
    parser.add_argument("--seconds", type=float, default=40.0, help="simulated for each number of people")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="draw gaps and first sounds into this PNG")
    options = parser.parse_args(argv)
    card = read_card(options.table)
    print(f"simulated, step times of {card.name}")
    found: dict[Order, dict[int, dict[str, Any]]] = {}
    for order in Order:
        found[order] = {
            people: figures(card, people, order, options.seconds, options.seed) for people in sorted(options.streams)
        }
        rows = [[str(people), *map(_cell, row.values())] for people, row in found[order].items()]
        print(f"\n{order.value}: p95 of gaps is 0 up to {most_without_gaps(found[order])} people")
        print(table([["people", *COLUMNS], *rows]), flush=True)
    if options.plot:
        draw(options.plot, found)
    result = {
        "card": card.name,
        "simulated_s": options.seconds,
        "most_without_gaps": {order.value: most_without_gaps(rows) for order, rows in found.items()},
        "orders": {order.value: {str(people): row for people, row in rows.items()} for order, rows in found.items()},
    }
    print_json("scheduler_simulation", result)


if __name__ == "__main__":
    main()
