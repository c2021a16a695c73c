"""The same figures to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # before pyplot: no window, and no display that it would need

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from voicesrv.errors import ConfigError

from . import endpointing, figures

_COLOURS = ("#1f6f8b", "#d1495b", "#edae49", "#5c4d7d", "#66a182", "#8d6346")
_GREY = "#8a8f98"
_LINE = "#22252b"
_LEGEND: dict[str, Any] = {"frameon": False, "fontsize": 9}
_DPI = 110


def of_hearing(title: str, loads: Mapping[str, Mapping[str, figures.Figures]], path: Path) -> None:
    """Draw word error rates by category, and how long words and final transcripts took.

    Args:
        title: what was heard by what.
        loads: figures by category, as ``figures.by_category`` gives them, by the name of the load.
        path: of the image; its suffix tells the format.
    """
    whole = {name: figures.whole(groups) for name, groups in loads.items()}
    panels = 1 + any(each.settled_ms for each in whole.values()) + any(each.final_ms for each in whole.values())
    drawing, all_axes = pyplot.subplots(1, panels, figsize=(4.2 * panels, 3.9), squeeze=False, layout="constrained")
    axes = list(all_axes[0])
    _rates(axes.pop(0), loads)
    for heading, values in (
        ("word's end → stable", {name: each.settled_ms for name, each in whole.items()}),
        ("end of turn → final transcript", {name: each.final_ms for name, each in whole.items()}),
    ):
        if any(values.values()):
            _distribution(axes.pop(0), heading, values)
    drawing.legend(*all_axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=8, **_LEGEND)
    drawing.suptitle(title, fontsize=11)
    drawing.savefig(path, dpi=_DPI)
    pyplot.close(drawing)


def _rates(axes: Axes, loads: Mapping[str, Mapping[str, figures.Figures]]) -> None:
    """Bars of word error rates; a tick on each where the same turns were heard offline."""
    categories = list(dict.fromkeys(name for groups in loads.values() for name, of in groups.items() if of.expected))
    width = 0.8 / len(loads)
    for i, (load, groups) in enumerate(loads.items()):
        places = [at + (i - (len(loads) - 1) / 2) * width for at in range(len(categories))]
        rates = [groups[name].error_rate if name in groups else 0.0 for name in categories]
        bars = axes.bar(places, rates, width * 0.92, color=_COLOURS[i % len(_COLOURS)], label=load)
        axes.bar_label(bars, [f"{100 * rate:.1f}" for rate in rates], fontsize=8, padding=2)
        for place, name in zip(places, categories, strict=True):
            offline = groups[name].wrong_offline if name in groups else None
            if offline is not None:
                level = offline / groups[name].expected
                axes.hlines(level, place - width / 2, place + width / 2, _LINE, lw=1.6)
    if any(each.wrong_offline is not None for groups in loads.values() for each in groups.values()):
        axes.plot([], [], color=_LINE, lw=1.6, label="offline")
    axes.set_xticks(range(len(categories)), categories, fontsize=9)
    axes.set_title("word error rate", fontsize=10)
    axes.margins(x=0.25 / len(categories) if categories else 0, y=0.15)
    axes.set_ylim(top=max(0.02, axes.get_ylim()[1]))
    _in_percent(axes)
    _tidy(axes)


def _distribution(axes: Axes, heading: str, values: Mapping[str, Sequence[float]]) -> None:
    """For each load, the share of values up to each delay."""
    for i, (load, delays) in enumerate(values.items()):
        if delays:
            axes.ecdf(delays, color=_COLOURS[i % len(_COLOURS)], lw=1.8, label=load)
    for level in (0.5, 0.95):
        axes.axhline(level, color=_GREY, lw=0.8, ls=":")
    axes.set_yticks([0, 0.5, 0.95, 1], ["0", "50 %", "95 %", ""], fontsize=9)
    axes.set_xlim(left=min(0.0, *(min(delays, default=0.0) for delays in values.values())))
    axes.set_xlabel("ms", fontsize=9)
    axes.set_title(heading, fontsize=10)
    _tidy(axes)


def of_endpointing(title: str, measured: Sequence[endpointing.Figures], path: Path) -> None:
    """Draw what each wait costs in time against what it cuts.

    Args:
        title: what was heard by what.
        measured: one for each policy, fixed and adaptive ones.
        path: of the image; its suffix tells the format.

    Raises:
        ConfigError: no recording holds what could be cut.
    """
    kinds = {
        "labelled utterances": [
            (each.labelled.delays, each.labelled.n_cut, each.labelled.n_heard) for each in measured
        ],
        "one-sentence clips": [
            (each.sentences.waits, each.sentences.n_cut, each.sentences.n_heard) for each in measured
        ],
        "digits and letters": [(each.pieces.waits, each.pieces.n_cut, each.pieces.n_heard) for each in measured],
    }
    shown = {name: of for name, of in kinds.items() if all(n_heard and delays for delays, _, n_heard in of)}
    if not shown:
        raise ConfigError(f"there is nothing to draw in {path}: no speech of which it is known what a turn is")
    panels = len(shown)
    drawing, all_axes = pyplot.subplots(
        1, panels, figsize=(1.4 + 4.2 * panels, 3.9), squeeze=False, layout="constrained"
    )
    for axes, (name, of) in zip(all_axes[0], shown.items(), strict=True):
        points = [
            (each.policy, float(np.median(delays)), float(np.percentile(delays, 95)), n_cut / n_heard)
            for each, (delays, n_cut, n_heard) in zip(measured, of, strict=True)
        ]
        _trade(axes, "one wait", _COLOURS[0], [point for point in points if not point[0].pause_ms])
        _trade(axes, "wait by the words", _COLOURS[1], [point for point in points if point[0].pause_ms])
        axes.set_title(f"{name}: cut in two", fontsize=10)
        axes.set_xlabel("until the turn ends, p50 and up to p95, ms", fontsize=9)
        axes.margins(x=0.1, y=0.15)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=-0.2 * axes.get_ylim()[1])  # room for the names of waits that cut nothing
        _in_percent(axes)
        _tidy(axes)
    drawing.legend(*all_axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, **_LEGEND)
    drawing.suptitle(title, fontsize=11)
    drawing.savefig(path, dpi=_DPI)
    pyplot.close(drawing)


def _trade(
    axes: Axes, name: str, colour: str, points: Sequence[tuple[endpointing.Policy, float, float, float]]
) -> None:
    """Policies as points: the delay's median and 95th percentile in ms, and the share that was cut."""
    if not points:
        return
    is_fixed = not points[0][0].pause_ms
    style = "o-" if is_fixed else "s"
    axes.plot([point[1] for point in points], [point[3] for point in points], style, color=colour, label=name, ms=6)
    # Aslant, the longer names of adaptive waits cover neither each other nor those of fixed ones that do the same.
    place: dict[str, Any] = {"xytext": (5, 6)} if is_fixed else {"xytext": (3, -9), "rotation": -55, "va": "top"}
    for policy, middle, late, cut in points:
        axes.hlines(cut, middle, late, colour, lw=1, alpha=0.45)
        axes.annotate(
            policy.name,
            (middle, cut),
            textcoords="offset points",
            rotation_mode="anchor",
            fontsize=8,
            color=colour,
            **place,
        )


def _in_percent(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(lambda share, place: f"{100 * share:g} %" if share >= 0 else "")


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
