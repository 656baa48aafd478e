"""A picture: capture over alarms a day, the program against the baselines."""

from __future__ import annotations

from pathlib import Path

import plotly.graph_objects as go

from flows.discovery_measure.report import CURVE, PROGRAM, Report


def write_plot(report: Report, path: Path) -> None:
    """Write the curve as one HTML file that needs no network."""
    figure = go.Figure()
    for name, ranking in {PROGRAM: report.program, **report.baselines}.items():
        figure.add_trace(
            go.Scatter(
                x=[float(per_day) for per_day in ranking.curve],
                y=list(ranking.curve.values()),
                name=name.replace("_", " "),
                mode="lines+markers",
                line={"width": 4 if name == PROGRAM else 1.5},
            )
        )
    own = report.own.tiers["0.20"]
    figure.add_trace(
        go.Scatter(
            x=[report.own.alarms_per_day],
            y=[own.capture],
            name="own alarms",
            mode="markers",
            marker={"size": 14, "symbol": "star"},
        )
    )
    figure.update_layout(
        title=f"Share of the move ahead at the first alarm, tier 0.20, {report.range[0]} to {report.range[1]} UTC",
        xaxis_title="alarms a day over the whole universe",
        yaxis_title="capture (mean over all scored episodes)",
        xaxis_type="log",
        # On its own a short log axis labels 2, 3, .. 9, 10, 2, 3, 4.
        xaxis_tickvals=list(CURVE),
        xaxis_ticktext=[str(per_day) for per_day in CURVE],
        yaxis_rangemode="tozero",
        template="plotly_white",
    )
    figure.write_html(path, include_plotlyjs=True)
