"""What a run found: lines for the terminal, JSON for programs, a table to keep, and a page with plots."""

import dataclasses
import html
import json
from dataclasses import dataclass, field
from pathlib import Path

import pairs
import plots
from pairs import OURS, THEIRS, Pair, Summary
from rows import Metric, Row

NOT_YET = "three brokers, replication factor 3, acks=all: waits for replication"


@dataclass
class Result:
    row: Row
    skipped: str | None = None  # why it was not run
    pairs: list[Pair] = field(default_factory=list)
    seconds: float = 0

    def failed(self) -> bool:
        """It ran, and no pair counts."""
        return self.skipped is None and not any(pair.wrong is None for pair in self.pairs)

    def summary(self, metric: Metric) -> Summary:
        return pairs.summary(self.pairs, metric.name)


@dataclass
class Report:
    machine: dict[str, str]
    quick: bool
    limits: dict[str, float]
    missing: list[str]
    accounting: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    nats: dict[str, float] = field(default_factory=dict)
    limits_after: dict[str, float] = field(default_factory=dict)
    seconds: float = 0


def number(value: float | None) -> str:
    """Three figures, without an exponent."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def ratio_text(found: Summary) -> str:
    if found.ratio is None:
        return "-"
    return f"{number(found.ratio)} ({number(found.least)} to {number(found.most)})"


def aim_text(metric: Metric, found: Summary) -> str:
    if metric.aim is None:
        return ""
    sign = ">=" if metric.more_is_better else "<="
    text = f"{sign} {metric.aim:g}"
    if found.ratio is not None:
        text += " met" if metric.is_met(found.ratio) else " MISSED"
    return text


def limit_text(metric: Metric, found: Summary, limits: dict[str, float]) -> str:
    limit = limits.get(metric.limit or "")
    if limit is None or found.ours is None:
        return ""
    text = number(found.ours / limit)
    if metric.limit_aim is not None:
        met = found.ours / limit <= metric.limit_aim
        text += f", <= {metric.limit_aim:g} {'met' if met else 'MISSED'}"
    return text


# --- the terminal ----------------------------------------------------------------------------------


def head(report: Report) -> str:
    lines = [", ".join(f"{key} {value}" for key, value in report.machine.items())]
    lines += [f"{name} {version}" for name, version in report.versions.items()]
    lines += [f"not here: {reason}" for reason in report.missing]
    lines += [f"CPU by {report.accounting}", "the machine's limits: " + limits_text(report.limits)]
    return "\n".join(lines)


def limits_text(limits: dict[str, float]) -> str:
    return "; ".join(f"{name} {number(value)}" for name, value in limits.items())


def lines_of(result: Result, limits: dict[str, float]) -> str:
    if result.skipped is not None:
        return f"\n{result.row.name}: skipped: {result.skipped}"
    counted = sum(pair.wrong is None for pair in result.pairs)
    lines = [f"\n{result.row.name}   ({counted} of {len(result.pairs)} pairs, {result.seconds:.0f} s)"]
    lines += [f"    not counted: {pair.wrong}" for pair in result.pairs if pair.wrong]
    for metric in result.row.metrics:
        found = result.summary(metric)
        if found.ours is None:
            continue
        line = (
            f"    {metric.name:<18} ours {number(found.ours):>8} theirs {number(found.theirs):>8} "
            f"{metric.unit:<5} ratio {ratio_text(found):<26} {aim_text(metric, found)}"
        )
        of_limit = limit_text(metric, found, limits)
        lines.append(line.rstrip() + (f"   of the limit: {of_limit}" if of_limit else ""))
    return "\n".join(lines)


def tail(report: Report) -> str:
    lines = [f"\nNATS: {limits_text(report.nats)}"] if report.nats else []
    lines += [f"not here: {reason}" for reason in report.missing]
    lines += [f"not measured: {NOT_YET}", "the limits after: " + limits_text(report.limits_after)]
    failed = [result.row.name for result in report.results if result.failed()]
    lines += [f"no pair counts: {name}" for name in failed]
    lines.append(f"{len(report.results)} rows in {report.seconds:.0f} s")
    return "\n".join(lines)


# --- files -----------------------------------------------------------------------------------------


def as_json(report: Report) -> str:
    rows = [
        {
            "row": result.row.name,
            "skipped": result.skipped,
            "seconds": result.seconds,
            "figures": {
                metric.name: {
                    **dataclasses.asdict(result.summary(metric)),
                    "unit": metric.unit,
                    "aim": metric.aim,
                }
                for metric in result.row.metrics
            },
            "pairs": [
                {
                    "first": pair.first,
                    "wrong": pair.wrong,
                    "floor": pair.floor,
                    **{side: leg.figures for side, leg in pair.legs.items()},
                }
                for pair in result.pairs
            ],
        }
        for result in report.results
    ]
    whole = {
        field.name: getattr(report, field.name)
        for field in dataclasses.fields(report)
        if field.name != "results"
    }
    return json.dumps({**whole, "rows": rows}, indent=1)


def table(report: Report) -> list[list[str]]:
    """A line for each figure of each row: row, figure, ours, theirs, ratio, aim, of the limit."""
    lines = []
    for result in report.results:
        if result.skipped is not None or result.failed():
            why = result.skipped or "; ".join(sorted({str(pair.wrong) for pair in result.pairs}))
            lines.append([result.row.name, f"not measured: {why[:200]}", "", "", "", "", ""])
            continue
        for metric in result.row.metrics:
            found = result.summary(metric)
            lines.append([
                result.row.name, f"{metric.name}, {metric.unit}", number(found.ours),
                number(found.theirs), ratio_text(found), aim_text(metric, found),
                limit_text(metric, found, report.limits),
            ])  # fmt: skip
    return lines


HEADS = ["row", "figure", "ours", "Kafka", "ours / Kafka", "aim", "ours / limit"]


def markdown(report: Report) -> str:
    kind = "bench peers --quick" if report.quick else "bench peers"
    lines = ["# Results", "", f"Written by `./dev {kind} --record`; what the columns mean is in"]
    lines += ["[peers/README.md](peers/README.md). Medians over pairs, with the least and the most.", ""]
    lines += [f"- {key}: {value}" for key, value in report.machine.items()]
    lines += [f"- {name}: {version}" for name, version in report.versions.items()]
    lines += [f"- CPU time: {report.accounting}"]
    lines += [f"- not here: {reason}" for reason in report.missing]
    lines += [f"- not measured: {NOT_YET}", f"- seconds: {report.seconds:.0f}", ""]
    lines += ["| limit of the machine | before | after |", "| --- | --: | --: |"]
    for name, value in report.limits.items():
        lines.append(f"| {name} | {number(value)} | {number(report.limits_after.get(name))} |")
    lines += ["", f"| {' | '.join(HEADS)} |", "| --- | --- | --: | --: | --- | --- | --- |"]
    last = ""
    for cells in table(report):
        name, last = ("" if cells[0] == last else cells[0]), cells[0]
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in [name, *cells[1:]]) + " |")
    if report.nats:
        lines += ["", f"NATS JetStream: {limits_text(report.nats)}."]
    return "\n".join(lines) + "\n"


STYLE = """body{font:14px sans-serif;max-width:1100px;margin:2em auto;color:#222}
table{border-collapse:collapse}td,th{padding:2px 10px;text-align:left;border-bottom:1px solid #ddd}
svg{background:#fafafa;margin:6px}.ours{color:#0a6}.theirs{color:#c50}"""


def as_html(report: Report) -> str:
    def line(cells: list[str], tag: str = "td") -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    parts = [f"<!doctype html><meta charset=utf-8><title>Peers</title><style>{STYLE}</style>"]
    parts.append("<h1>Our broker beside others</h1><pre>" + html.escape(head(report)) + "</pre>")
    parts.append("<p>In the plots <b class=ours>ours</b>, <b class=theirs>theirs</b>.</p><table>")
    parts += [line(HEADS, "th"), *(line(cells) for cells in table(report)), "</table>"]
    for result in report.results:
        legs = {
            side: [pair.legs[side] for pair in result.pairs if pair.wrong is None and side in pair.legs]
            for side in (OURS, THEIRS)
        }
        latencies = {side: [x for leg in of for x in leg.latencies_ms] for side, of in legs.items()}
        progress = {side: [leg.progress for leg in of if leg.progress] for side, of in legs.items()}
        drawn = [plots.latencies(latencies)] if any(latencies.values()) else []
        drawn += [plots.progress(progress)] if any(progress.values()) else []
        if drawn:
            parts += [f"<h3>{html.escape(result.row.name)}</h3>", *drawn]
    parts.append("<pre>" + html.escape(tail(report)) + "</pre>")
    return "\n".join(parts)


def write(report: Report, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(as_json(report), encoding="utf-8")
    (folder / "report.html").write_text(as_html(report), encoding="utf-8")
    print(f"reports: {folder}/report.json, {folder}/report.html")


def record(report: Report, path: Path) -> None:
    path.write_text(markdown(report), encoding="utf-8")
    print(f"recorded: {path}")
