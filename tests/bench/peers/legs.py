"""What one leg measured, and when a leg counts as failed rather than as fast."""

from dataclasses import dataclass, field

# The share of the rate asked for that a generator has to reach.
RATE_MIN = 0.9


class LegFailed(Exception):
    """Says what went wrong in a leg; its figures are worth nothing."""


@dataclass
class Leg:
    """Figures by name (rows.Metric says their units), and what is drawn of it."""

    figures: dict[str, float]
    latencies_ms: list[float] = field(default_factory=list)
    progress: list[tuple[float, float]] = field(default_factory=list)  # seconds, MB so far


def need_all(what: str, wanted: int, got: int) -> None:
    """Of records sent, acknowledged, found in the log, or consumed: neither fewer nor more."""
    if got != wanted:
        raise LegFailed(f"{what}: {got} records instead of {wanted}")


def need_rate(wanted: float, got: float) -> None:
    """In records a second. What is slower than it was to be measured something else."""
    if got < RATE_MIN * wanted:
        raise LegFailed(f"the rate was {got:.0f} records/s instead of {wanted:.0f}")


def need_alive(what: str, pid_before: int | None, pid_now: int | None) -> None:
    """The broker that ended a leg has to be the process that began it."""
    if pid_now is None:
        raise LegFailed(f"{what} died")
    if pid_before != pid_now:
        raise LegFailed(f"{what} was started anew")


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    if not values:
        raise LegFailed("no latency was measured")
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share * 1_000_000) // 1_000_000) - 1)]
