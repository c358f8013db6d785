"""The report as one file that needs neither network nor script."""

from __future__ import annotations

from markupsafe import Markup

from delivery.report.chart_svg import stylesheet
from delivery.report.charts import bucket_label, error_rate_chart, evidence_chart, latency_chart, weight_chart
from delivery.report.key_figures import key_figures
from delivery.report.templating import templates
from delivery.report.view import ReportView, view
from delivery.report.wording import instant, span
from delivery.resources.release import Phase, Release

_PARTS = (
    ("change", "What changed"),
    ("people", "Who"),
    ("traffic", "Timeline and traffic"),
    ("evidence", "Evidence"),
    ("metrics", "Metrics"),
    ("cost", "What it cost"),
    ("quality", "Quality of the data"),
    ("digging", "For digging"),
)
_TONES = {Phase.SUCCEEDED: "good", Phase.ROLLED_BACK: "bad", Phase.FAILED: "bad", Phase.STALLED: "bad"}


def to_html(release: Release, now: float) -> str:
    """The whole report; `now`, seconds since the epoch, matters while the Release is in progress."""
    report = view(release, now)
    return (
        templates()
        .get_template("report.html.j2")
        .render(
            report=report,
            charts=_charts(report),
            facts=_facts(report),
            figures=key_figures(report),
            parts=_PARTS,
            tone=_TONES.get(Phase(report.phase), ""),
            bucket_label=bucket_label,
            chart_css=_markup(stylesheet()),
        )
    )


def _charts(report: ReportView) -> dict[str, object]:
    """Drawings of our own, whose texts are escaped already."""
    drawn = {
        number: _markup(latency_chart(metric.histogram, f"latency-{number}"))
        for number, metric in enumerate(report.metrics, start=1)
        if metric.histogram is not None
    }
    return {
        "evidence": _markup(evidence_chart(report)),
        "errors": _markup(error_rate_chart(report.decisions)),
        "weight": _markup(weight_chart(report.traffic.course)),
        "latency": drawn,
    }


def _markup(ours: str) -> Markup:
    return Markup(ours)  # noqa: S704  # an XML writer escaped what is untrusted in it


def _facts(report: ReportView) -> list[tuple[str, str]]:
    traffic = report.traffic
    return [
        ("Deployment", f"{report.namespace}/{report.deployment}"),
        ("Service", report.service),
        ("Mesh", report.mesh or "not known"),
        ("Policy", report.policy_name),
        ("Release id", report.release_id),
        ("Attempt", str(report.attempt)),
        ("Step", report.progress or "none"),
        ("Began", instant(report.started_at)),
        ("Ended", instant(report.finished_at) if report.final else "in progress"),
        ("Took" if report.final else "Takes so far", span(report.seconds)),
        ("Largest share of the canary", f"{traffic.max_weight:g} %"),
        ("Canary had traffic for", span(traffic.seconds)),
        ("Outside edits of the split put right", str(traffic.corrections)),
    ]
