"""A-B-B-A: which legs are run in which order, which pairs count, and what they say together.

Nothing here starts a process or reads a clock: legs and the floor are functions that come in.
"""

import statistics
from dataclasses import dataclass, field
from typing import Callable

from legs import Leg, LegFailed

# By how much the floor may move during a pair, as a share of its least reading.
FLOOR_MOVE_MAX = 0.15
OURS, THEIRS = "ours", "theirs"


@dataclass
class Pair:
    first: str  # the side that went first
    legs: dict[str, Leg] = field(default_factory=dict)
    floor: list[float] = field(default_factory=list)  # before, between and after its legs
    wrong: str | None = None  # why it does not count

    def floor_moved(self) -> float:
        return max(self.floor) / min(self.floor) - 1 if self.floor else 0.0


@dataclass(frozen=True)
class Summary:
    """One figure over all pairs that count; the ratio is None when only one side was there."""

    ours: float | None
    theirs: float | None
    ratio: float | None
    least: float | None
    most: float | None
    pairs: int


def measure(
    sides: dict[str, Callable[[], Leg]],
    floor: Callable[[], float],
    wanted: int,
    attempts: int | None = None,
) -> list[Pair]:
    """Runs pairs until so many count, at most twice as many unless said otherwise.

    With one side alone its legs are run all the same, as pairs of one leg.
    """
    made: list[Pair] = []
    order = list(sides)
    reading = floor()
    for number in range(2 * wanted if attempts is None else attempts):
        turn = order if number % 2 == 0 else order[::-1]
        pair = Pair(turn[0], floor=[reading])
        for side in turn:
            try:
                pair.legs[side] = sides[side]()
            except LegFailed as failure:
                pair.wrong = f"{side}: {failure}"
            reading = floor()
            pair.floor.append(reading)
            if pair.wrong:
                break
        if pair.wrong is None and pair.floor_moved() > FLOOR_MOVE_MAX:
            pair.wrong = f"the machine's floor moved by {100 * pair.floor_moved():.0f} %"
        made.append(pair)
        if sum(pair.wrong is None for pair in made) >= wanted:
            break
    return made


def summary(pairs: list[Pair], figure: str) -> Summary:
    """Medians over the pairs that count. The median of ratios, not the ratio of medians."""
    good = [pair for pair in pairs if pair.wrong is None]

    def side(name: str) -> list[float]:
        legs = (pair.legs[name] for pair in good if name in pair.legs)
        return [leg.figures[figure] for leg in legs if figure in leg.figures]

    ours, theirs = side(OURS), side(THEIRS)
    ratios = [a / b for a, b in zip(ours, theirs) if b > 0] if len(ours) == len(theirs) else []

    def middle(values: list[float]) -> float | None:
        return statistics.median(values) if values else None

    return Summary(
        middle(ours), middle(theirs), middle(ratios), min(ratios, default=None),
        max(ratios, default=None), len(good),
    )  # fmt: skip


def spread(pairs: list[Pair], side: str, figure: str) -> tuple[float, float] | None:
    values = [
        pair.legs[side].figures[figure]
        for pair in pairs
        if pair.wrong is None and figure in getattr(pair.legs.get(side), "figures", {})
    ]
    return (min(values), max(values)) if values else None
