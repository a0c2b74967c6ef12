"""How a report says things: numbers, durations, units that stand in keys, and what was proved."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

UNITS = {
    "mev": "meV", "ev": "eV", "kev": "keV", "hartree": "Ha", "mhartree": "mHa", "angstrom": "Å", "bohr": "a₀",
    "atom": "atom", "electron": "electron", "particle": "particle", "site": "site", "cell": "cell",
    "fs": "fs", "ps": "ps", "gpa": "GPa", "mpa": "MPa", "kelvin": "K", "debye": "D", "percent": "%",
    "me": "me", "cubic": "cubic",
}  # fmt: skip
CAPITALS = {"rmse": "RMSE", "mae": "MAE", "mse": "MSE", "r2": "R²"}
UNKNOWN = "–"


class Quantity(NamedTuple):
    """What a key such as ``force_rmse_mev_per_angstrom`` names."""

    name: str
    unit: str

    def __str__(self) -> str:
        """Return the label of an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


def quantity(key: str) -> Quantity:
    """Return name and unit of a key that ends in its unit."""
    words = key.split("_")
    start = next((i for i in range(len(words)) if is_unit(words[i:])), len(words))
    name = " ".join(CAPITALS.get(word, word) for word in words[:start])
    unit = " ".join(UNITS.get(word, "/") for word in words[start:]).replace(" / ", "/")
    return Quantity(name or key, unit)


def is_unit(words: list[str]) -> bool:
    """Return whether words read as a unit, such as mev per atom."""
    return words[0] in UNITS and words[-1] in UNITS and all(w in UNITS or w == "per" for w in words)


def measured(measure: str) -> Quantity:
    """Return name and unit of a domain's measure, "force deviation, eV/Å"."""
    name, _, unit = measure.partition(",")
    return Quantity(name.strip(), unit.strip())


def by_region(keys: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return {quantity: {region: key}}: a key that goes on where another one ends tells of a region.

    The quantity itself stands under the region "".
    """
    found: dict[str, dict[str, str]] = {}
    for key in sorted(keys, key=len):
        whole = next((base for base in found if key.startswith(f"{base}_")), None)
        if whole is None:
            found[key] = {"": key}
        else:
            found[whole][key.removeprefix(f"{whole}_")] = key
    return dict(sorted(found.items()))


def real(value: Any) -> float:
    """Return a number, NaN for what is missing."""
    return float(value) if isinstance(value, numbers.Real) else math.nan


def number(value: Any) -> str:
    """Return a number with three digits that matter, and integers with their thousands apart."""
    x = real(value)
    if not math.isfinite(x):
        return UNKNOWN
    if isinstance(value, numbers.Integral) or abs(x) >= 1000:
        return f"{x:,.0f}".replace(",", "\u202f")
    if x and abs(x) < 1e-3:
        return f"{x:.2e}"
    return f"{x:.3g}"


def with_bar(value: Any, error: Any) -> str:
    """Return a number with its error bar, to two digits of that: -2.903695 ± 0.000024."""
    x, bar = real(value), real(error)
    if not math.isfinite(x) or not math.isfinite(bar) or bar <= 0:
        return number(value)
    digits = min(12, max(0, 1 - math.floor(math.log10(bar))))
    return f"{x:.{digits}f} ± {bar:.{digits}f}"


def percent(value: Any) -> str:
    """Return a fraction as per cent."""
    x = 100 * real(value)
    if not math.isfinite(x):
        return UNKNOWN
    near = 0 < x < 1 or 99 < x < 100
    return f"{x:.2g} %" if near and x < 1 else f"{x:.4g} %" if near else f"{x:.3g} %"


def duration(seconds: Any) -> str:
    """Return seconds as one would say them."""
    s = real(seconds)
    if not math.isfinite(s):
        return UNKNOWN
    if s < 1:
        return f"{1000 * s:.3g} ms"
    if s < 60:
        return f"{s:.1f} s"
    minutes, rest = divmod(round(s), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def plural(n: int, one: str, many: str = "") -> str:
    """Return "1 label", "2 labels"."""
    return f"{number(n)} {one if n == 1 else many or one + 's'}"


def statement(audit: Mapping[str, Any], unit: str) -> str:
    """Say in plain words what audits proved."""
    if not audit:
        return (
            "Nothing that the selector called accurate was audited, so nothing is known of how often "
            "the committee agrees and is wrong."
        )
    tolerance = audit.get("tolerance")
    limit = f"error above {number(tolerance)} {unit}".rstrip() if tolerance is not None else "error too large"
    failed = {0: "none"}.get(audit["failures"], number(audit["failures"]))
    return (
        f"Of {plural(audit['audits'], 'configuration')} drawn at random from what the selector called accurate, "
        f"{failed} failed ({limit}): the failure rate is at most {percent(audit['failure_rate_at_most'])} "
        f"at {percent(audit['confidence'])} confidence."
    )


def last(rounds: Iterable[Mapping[str, Any]], key: str) -> Mapping[str, Any]:
    """Return what the last round that says anything under a key says; empty if none does."""
    told: list[Mapping[str, Any]] = [r[key] for r in rounds if r.get(key)]
    return told[-1] if told else {}


def part(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return what a tree holds under a key, empty if that is nothing."""
    return tree.get(key) or {}


def component(config: Mapping[str, Any], role: str) -> str:
    """Return the registered name of what fills a role."""
    return str(part(config, role).get("_name_", UNKNOWN))
