"""A Release told to a person: what changed, what was seen, what was decided and why."""

from __future__ import annotations

import io

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from delivery.resources.release import Evidence, Phase, Release, Transition

_COLOURS = {
    Phase.SUCCEEDED: "green",
    Phase.ROLLED_BACK: "red",
    Phase.FAILED: "red",
    Phase.SUPERSEDED: "yellow",
    Phase.BYPASSED: "yellow",
    Phase.PAUSED: "yellow",
    Phase.STALLED: "red",
}


def render(release: Release) -> RenderableType:
    """The report as something a rich console prints."""
    status = release.status
    colour = _COLOURS.get(status.phase, "cyan")
    headline = Text.assemble((status.phase.value, f"bold {colour}"), ": ", status.message)
    return Panel(
        Group(headline, Text(""), _versions(release), Text(""), _evidence(release), Text(""), _diary(release)),
        title=Text(f"Release {release.key}"),
        border_style=colour,
        box=box.ROUNDED,
    )


def to_text(release: Release, width: int = 110) -> str:
    """The report as plain text."""
    console = Console(width=width, file=io.StringIO(), record=True, force_terminal=False)
    console.print(render(release))
    return console.export_text()


def _versions(release: Release) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    spec, traffic = release.spec, release.status.traffic
    rows = {
        "deployment": f"{release.namespace}/{spec.deployment} (Service {spec.service})",
        "stable": _revision(spec.stable.images, spec.stable.template_hash),
        "canary": _revision(spec.canary.images, spec.canary.template_hash),
        "release id": spec.release_id,
        "policy": spec.policy_name,
        "largest canary share": f"{traffic.max_weight:g} %",
    }
    if traffic.first_weight_at and traffic.zero_weight_at:
        rows["canary had traffic for"] = f"{traffic.zero_weight_at - traffic.first_weight_at:.1f} s"
    for name, value in rows.items():
        table.add_row(name, Text(value))  # as it is: what stands in brackets is no markup
    return table


def _revision(images: tuple[str, ...], template_hash: str) -> str:
    return f"{', '.join(images) or 'no image'}  [template {template_hash}]"


def _evidence(release: Release) -> RenderableType:
    looks = release.status.decisions or ((release.status.evidence,) if release.status.evidence else ())
    if not looks:
        return Text("No traffic was judged.")
    table = Table(title="Evidence at each decision", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("step", "share", "stable errors", "canary errors", "for rollback", "to advance", "verdict"):
        table.add_column(name, justify="left" if name == "verdict" else "right")
    for look in looks:
        table.add_row(
            str(look.step + 1),
            f"{look.weight:g} %",
            _rate(look.stable_errors, look.stable_requests),
            _rate(look.canary_errors, look.canary_requests),
            _odds(look.log_evidence_rollback),
            _odds(look.log_evidence_advance),
            look.verdict,
        )
    analysis = release.status.analysis
    doubts = [Text(f"data quality: {line}", style="yellow") for line in analysis.quality]
    if analysis.dispersion is not None:
        doubts.append(Text(f"noise of single pods: {analysis.dispersion:.3g} times chance, {analysis.dispersion_note}"))
    return Group(table, *doubts, *[Text(f"step {look.step + 1}: {look.reason}") for look in looks], *_queries(release))


def _queries(release: Release) -> list[Text]:
    queries = release.status.analysis.queries
    if not queries:
        return []
    return [Text("Prometheus was asked:", style="dim"), *[Text(f"  {query}", style="dim") for query in queries]]


def _rate(errors: float, requests: float) -> str:
    return f"{errors:.0f} of {requests:.0f} ({errors / requests:.2%})" if requests else "no requests"


def _odds(log_evidence: float) -> str:
    """The e-value: how many times better the data fit the claim than its opposite."""
    power_of_ten = log_evidence / 2.302585092994046
    return f"e = 10^{power_of_ten:+.1f}"


def _diary(release: Release) -> Table:
    table = Table(title="What happened", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("after", "phase", "canary", "why"):
        table.add_column(name, justify="right" if name in {"after", "canary"} else "left")
    history = release.status.history
    start = history[0].at if history else 0.0
    for line in history:
        table.add_row(f"{line.at - start:.1f} s", line.phase.value, f"{line.weight:g} %", Text(_why(line)))
    return table


def _why(line: Transition) -> str:
    return f"{line.reason}: {line.message}" if line.message else line.reason


def summary(look: Evidence | None) -> str:
    """One line on the newest look, for progress displays."""
    if look is None:
        return "nothing judged yet"
    canary = _rate(look.canary_errors, look.canary_requests)
    stable = _rate(look.stable_errors, look.stable_requests)
    return (
        f"canary {canary}, stable {stable};"
        f" rollback {_odds(look.log_evidence_rollback)}, advance {_odds(look.log_evidence_advance)}"
    )
