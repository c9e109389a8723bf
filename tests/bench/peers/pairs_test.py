"""The order of legs, which pairs count, and what is said of them; with fake legs and a fake floor."""

import unittest
from typing import Callable, Iterator

import pairs
from legs import Leg, LegFailed
from pairs import OURS, THEIRS


def legs(values: list[float], log: list[str], side: str) -> Callable[[], Leg]:
    """A leg that gives one value after the other; below zero, it fails."""
    coming: Iterator[float] = iter(values)

    def leg() -> Leg:
        log.append(side)
        value = next(coming)
        if value < 0:
            raise LegFailed("the rate was not reached")
        return Leg({"x": value})

    return leg


def measured(
    ours: list[float], theirs: list[float] | None, floor: list[float] | None = None, wanted: int = 2
) -> tuple[list[pairs.Pair], list[str]]:
    log: list[str] = []
    sides = {OURS: legs(ours, log, OURS)}
    if theirs is not None:
        sides[THEIRS] = legs(theirs, log, THEIRS)
    readings = iter(floor or [1.0] * 100)
    return pairs.measure(sides, lambda: next(readings), wanted), log


class Order(unittest.TestCase):
    def test_sides_take_turns_in_going_first(self) -> None:
        made, log = measured([1, 1, 1, 1], [1, 1, 1, 1], wanted=4)
        a, b = OURS, THEIRS
        self.assertEqual(log, [a, b, b, a, a, b, b, a])
        self.assertEqual([pair.first for pair in made], [a, b, a, b])

    def test_one_side_alone_is_measured_too(self) -> None:
        made, log = measured([1, 2], None)
        self.assertEqual(log, [OURS, OURS])
        found = pairs.summary(made, "x")
        self.assertEqual((found.ours, found.theirs, found.ratio), (1.5, None, None))


class Counting(unittest.TestCase):
    def test_the_median_is_that_of_the_pairs_ratios(self) -> None:
        made, _ = measured([1, 2, 30], [2, 8, 60], wanted=3)
        found = pairs.summary(made, "x")
        self.assertEqual((found.ratio, found.least, found.most, found.pairs), (0.5, 0.25, 0.5, 3))
        self.assertEqual((found.ours, found.theirs), (2, 8))

    def test_a_failed_leg_drops_its_pair_and_another_pair_is_made(self) -> None:
        made, log = measured([1, -1, 1], [2, 2, 2])
        self.assertEqual(len(made), 3)
        # The second pair began with theirs; the third is ours first again.
        self.assertEqual(log, [OURS, THEIRS, THEIRS, OURS, OURS, THEIRS])
        self.assertIn("ours: the rate was not reached", str(made[1].wrong))
        self.assertEqual(pairs.summary(made, "x").pairs, 2)

    def test_a_failed_first_leg_spares_the_second(self) -> None:
        made, log = measured([-1, 1, 1], [2, 2])
        self.assertEqual(log[:1], [OURS])
        self.assertEqual(made[0].legs, {})
        self.assertEqual(pairs.summary(made, "x").ratio, 0.5)

    def test_what_always_fails_ends_and_has_no_figure(self) -> None:
        made, _ = measured([-1] * 10, [1] * 10)
        self.assertEqual(len(made), 4)
        found = pairs.summary(made, "x")
        self.assertEqual((found.ours, found.ratio, found.pairs), (None, None, 0))

    def test_a_leg_of_a_dropped_pair_is_in_no_figure(self) -> None:
        made, _ = measured([1, 1], [-1, 4, 4], wanted=1)
        self.assertEqual(pairs.summary(made, "x").theirs, 4)


class Floor(unittest.TestCase):
    def test_a_pair_is_dropped_when_the_floor_moved_too_far(self) -> None:
        made, _ = measured([1, 1], [2, 2], floor=[1.0, 1.16, 1.0, 1.0, 1.0], wanted=1)
        self.assertIn("floor moved by 16 %", str(made[0].wrong))
        self.assertIsNone(made[1].wrong)

    def test_it_may_move_a_little(self) -> None:
        made, _ = measured([1], [2], floor=[1.0, 1.14, 1.07], wanted=1)
        self.assertIsNone(made[0].wrong)

    def test_the_reading_after_a_pair_is_the_one_before_the_next(self) -> None:
        made, _ = measured([1, 1], [2, 2], floor=[1.0, 1.01, 1.02, 1.03, 1.04])
        self.assertEqual([pair.floor for pair in made], [[1.0, 1.01, 1.02], [1.02, 1.03, 1.04]])


if __name__ == "__main__":
    unittest.main()
