"""Linear waves of the closure beside those of the kinetic equation: what it does where nothing was learned."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure

from eltanin.report import style
from eltanin.report.phrases import number, percent
from eltanin.report.sections import Drawing, Run, Section, Table
from eltanin_gas.flows.dispersion import growth_rates, hydrodynamic
from eltanin_gas.flows.problems import system_of
from eltanin_gas.flows.system import MomentSystem
from eltanin_gas.report import exact_waves

NUMBERS = np.linspace(0.05, 1.2, 47)  # k τ T^(1/2)
TOLD = (0.1, 0.2, 0.5, 1.0)


class Waves(NamedTuple):
    """Decay of sound, its phase velocity, and decay of heat, (n,) each, at wave numbers (n,)."""

    damping: np.ndarray
    velocity: np.ndarray
    heat: np.ndarray

    @classmethod
    def of(cls, k: np.ndarray, sound: exact_waves.Rates, heat: np.ndarray) -> Waves:
        """Return the waves of s (n,), complex, of sound and s (n,), real, of heat, over what they are for k → 0."""
        return cls(-sound.real / k**2, sound.imag / (k * np.sqrt(5 / 3)), -heat / k**2)


def section(run: Run) -> Section | None:
    """Return the section on linear waves; of BGK alone are they known exactly."""
    if getattr(run.parts.system, "model", "bgk") != "bgk":
        return None
    system = system_of(run.committee)
    told = np.array(TOLD)
    rates, exact = of_system(system, told), of_bgk(told)
    off = [*(abs(a / b - 1) for a, b in zip(rates, exact, strict=True))]
    words = (
        "Small waves exp(i k x + s t) about equilibrium. For k → 0 the closures of here are exact; what they do"
        " for larger k follows from their slopes at equilibrium alone. At k τ = 0.5"
        f" the decay of sound is off by {percent(off[0][2])}, its velocity by {percent(off[1][2])}, the decay of heat"
        f" by {percent(off[2][2])}."
    )
    caption = "Over their limits for k → 0. Exact: roots of the BGK equation's dispersion relation."
    return Section("Linear waves", words, [Drawing(draw(system), caption)], [table(told, rates, exact)])


def of_bgk(k: np.ndarray) -> Waves:
    """Return the exact waves."""
    return Waves.of(k, exact_waves.sound(k), exact_waves.heat(k))


def of_nsf(k: np.ndarray) -> Waves:
    """Return the waves of Navier, Stokes and Fourier."""
    sound, heat = hydrodynamic(torch.as_tensor(exact_waves.nsf_rates(k)))
    return Waves.of(k, sound.numpy(), heat.numpy())


def of_system(system: MomentSystem, k: np.ndarray) -> Waves:
    """Return the waves of a closure."""
    sound, heat = hydrodynamic(growth_rates(system, torch.as_tensor(k)))
    return Waves.of(k, sound.numpy(), heat.numpy())


def draw(system: MomentSystem) -> Figure:
    """Draw the three over wave numbers."""
    figure, axes = style.canvas(3.1, 3)
    drawn: tuple[tuple[str, Waves, dict[str, Any]], ...] = (
        ("BGK, exact", of_bgk(NUMBERS), {"color": style.INK, "lw": 2.6}),
        ("Navier–Stokes–Fourier", of_nsf(NUMBERS), {"color": style.CANDIDATE, "ls": ":"}),
        ("this closure", of_system(system, NUMBERS), {"color": style.ACCURATE, "ls": "--"}),
    )
    names = ("decay of sound, –Re s / k²τ", "velocity of sound / c", "decay of heat, –s / k²τ")
    for i, (panel, name) in enumerate(zip(axes, names, strict=True)):
        for label, waves, look in drawn:
            panel.plot(NUMBERS, waves[i], label=label, **look)
        panel.set(xlabel="k τ T$^{1/2}$", ylabel=name, xlim=(0, NUMBERS[-1]))
        _, exact, *_ = drawn[0]
        low, high = exact[i].min(), exact[i].max()
        panel.set_ylim(low - 0.6 * (high - low) - 0.05, high + 0.6 * (high - low) + 0.05)
    style.shared_legend(figure, axes)
    return figure


def table(k: np.ndarray, rates: Waves, exact: Waves) -> Table:
    """Return the closure's waves beside the exact ones."""
    head = ["k τ", "decay of sound", "exact", "velocity of sound", "exact", "decay of heat", "exact"]
    rows = [
        [f"{k[i]:g}", *(number(one[i]) for pair in zip(rates, exact, strict=True) for one in pair)]
        for i in range(len(k))
    ]
    return Table(head, rows, "Over their limits for k → 0", folded=True)
