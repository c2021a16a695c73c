"""Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

NOTHING = "–"
"""Stands where there is no figure."""


def table(corner: str, columns: Mapping[str, Mapping[str, str]]) -> str:
    """A table with a column for each name; all columns have the same rows. Rows without any figure are left out."""
    rows = [[name, *(column[name] for column in columns.values())] for name in next(iter(columns.values()))]
    told = [row for row in rows if set(row[1:]) != {NOTHING}]
    return "\n".join(_line(row) for row in ([corner, *columns], ["---"] * (len(columns) + 1), *told))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def spread(values: Sequence[float]) -> str:
    """Median and 95th percentile."""
    return "{:.0f} / {:.0f}".format(*np.percentile(values, [50, 95])) if values else NOTHING


def share(part: float, whole: float, digits: int = 1) -> str:
    """In percent."""
    return f"{100 * part / whole:.{digits}f} %" if whole else NOTHING
