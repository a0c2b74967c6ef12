"""Test errors with and without the symmetries: python docs/figures/learning_curves.py.

Three descriptors with fitting nets of one size learn the same data. Each point is a training of its own, with
the whole schedule of the learning rate. Copper by effective medium theory, and water where DATA has it.
"""

from __future__ import annotations

import systems
from drawing import BLUE, LETTERS, OCHRE, RED, figure, plain, save
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from eltanin_atoms.descriptors import Descriptor
from eltanin_local_frame import LocalFrame
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth

STEPS = (125, 250, 500, 1000, 2000)
NAMES = {
    "no permutation symmetry": (RED, "s"),
    "local frame": (OCHRE, "^"),
    "smooth": (BLUE, "o"),
}
LABELS = {
    "energy_rmse_mev_per_atom": "energy RMSE (meV/atom)",
    "force_rmse_mev_per_angstrom": "force RMSE (meV/Å)",
}


def descriptors(species: int) -> dict[str, Descriptor]:
    """Return what is compared, with about as many features of an atom: 128 for one element, 256 to 282 for two."""
    slots = {1: ([16], [64]), 2: ([32, 16], [60, 30])}[species]  # of hydrogen and oxygen
    frame = {"sel": slots[0], "sel_radial": slots[1]}
    found = LocalFrame(**frame, sort=False), LocalFrame(**frame), Smooth(neurons=[8, 16, 32], axis=4 * species)
    return dict(zip(NAMES, found, strict=True))


def curves(name: str, sample: systems.Sample) -> dict[str, list[dict[str, float]]]:
    """Return the errors of each descriptor after each number of steps."""
    found: dict[str, list[dict[str, float]]] = {}
    for kind, descriptor in descriptors(len(sample.elements)).items():
        model = NeuralPotential(
            descriptor=descriptor, neurons=[32, 32, 32], learning_rate=3e-3, learning_rate_end=1e-5,
            batch=1 if name == "water" else 4,
            attuned=(name, kind) == ("water", "smooth"),  # as the presets have it; a frame's features are on one scale
        )  # fmt: skip
        for steps in STEPS:
            point = systems.errors(systems.trained(model, sample, steps), sample.unseen)
            systems.tell(system=name, descriptor=kind, steps=steps, **point)
            found.setdefault(kind, []).append(point)
    return found


def main() -> None:
    """Train, and draw."""
    samples = {name: s for name, s in {"copper": systems.copper(frames=160), "water": systems.water()}.items() if s}
    picture = figure(5.2 * len(samples), 8)
    panels = picture.subplots(2, len(samples), sharex=True, squeeze=False)
    for column, (name, sample) in enumerate(samples.items()):
        found = curves(name, sample)
        for row, (error, label) in enumerate(LABELS.items()):
            axes = panels[row][column]
            for kind, (colour, mark) in NAMES.items():
                axes.loglog(STEPS, [p[error] for p in found[kind]], color=colour, marker=mark, lw=2, ms=7, label=kind)
            told = f"{name}: forces of {sample.forces:.2g} eV/Å (rms)" if not row else ""
            plain(axes, "training steps" if row else "", label if not column else "", told)
            axes.set_xticks(STEPS, [str(n) for n in STEPS])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
    panels[0][0].legend(fontsize=LETTERS - 1, frameon=False)
    save(picture, __file__)


if __name__ == "__main__":
    main()
