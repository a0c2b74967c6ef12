"""Total energy in NVE with and without continuity: python docs/figures/nve_jumps.py.

The local frame and the smooth Deep Potential learn the same crystals of copper, and drive the same dynamics: 108 atoms
from the same positions and velocities (300 K) in the same steps. Beside the drift, what a step adds: the largest
and the median change of the total energy between one step and the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import systems
from ase import units
from ase.build import bulk
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary
from ase.md.verlet import VelocityVerlet
from drawing import BLUE, LETTERS, OCHRE, figure, plain, save

from eltanin.protocols import Predictor
from eltanin_atoms.calculator import CommitteeCalculator
from eltanin_local_frame import LocalFrame
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth

STEPS, TIMESTEP, LEARNING = 4000, 2.0, 3000  # fs
KINDS = {
    "local frame": (OCHRE, LocalFrame(cutoff=5.0, sel=[16], sel_radial=[64])),
    "smooth": (BLUE, Smooth(cutoff=5.0, neurons=[8, 16, 32], axis=4)),
}


def total_energies(potential: Predictor) -> np.ndarray:
    """Return the total energy before and after every step, (steps + 1,) meV/atom."""
    atoms = bulk("Cu", cubic=True, a=3.61).repeat(3)
    rng = np.random.default_rng(0)
    atoms.positions += 0.05 * rng.normal(size=atoms.positions.shape)
    MaxwellBoltzmannDistribution(atoms, temperature_K=300, rng=rng)
    Stationary(atoms)
    atoms.calc = CommitteeCalculator([potential])
    dynamics, found = VelocityVerlet(atoms, TIMESTEP * units.fs), list[float]()
    dynamics.attach(lambda: found.append(1000 * atoms.get_total_energy() / len(atoms)))
    dynamics.run(STEPS)
    return np.array(found)


def said(time: np.ndarray, energy: np.ndarray) -> dict[str, float]:
    """Return drift (meV/atom/ps), fluctuation around it, and the changes in a step (meV/atom)."""
    slope, offset = np.polyfit(time, energy, 1)
    change = np.abs(np.diff(energy))
    return {
        "drift_mev_per_atom_ps": float(slope),
        "fluctuation_mev_per_atom": float(np.std(energy - slope * time - offset)),
        "largest_step_mev_per_atom": float(change.max()),
        "median_step_mev_per_atom": float(np.median(change)),
    }


def main() -> None:
    """Train, run, and draw."""
    sample = systems.metals(["Cu"], 3.61, shift=0.12, frames=160)
    time = np.arange(STEPS + 1) * TIMESTEP / 1000
    picture = figure(8.5, 6.5)
    whole, steps = picture.subplots(2, 1, sharex=True, height_ratios=[1.5, 1])
    for name, (colour, descriptor) in KINDS.items():
        model = NeuralPotential(
            descriptor=descriptor, neurons=[32, 32, 32], learning_rate=3e-3, learning_rate_end=1e-5, batch=4
        )
        potential = systems.trained(model, sample, LEARNING)
        energy = total_energies(potential)
        numbers: dict[str, Any] = said(time, energy)
        systems.tell(descriptor=name, **systems.errors(potential, sample.unseen), **numbers)
        label = f"{name}: {numbers['drift_mev_per_atom_ps']:+.2g} meV/atom per ps"
        whole.plot(time, energy - energy[0], color=colour, lw=1.5, label=label)
        size = np.maximum(np.abs(np.diff(energy)), 1e-7)
        steps.semilogy(time[1:], size, color=colour, lw=0, marker=".", ms=2.5)
    plain(whole, "", "total energy\n(meV/atom)", f"copper, {108} atoms, NVE from 300 K, steps of {TIMESTEP:g} fs")
    plain(steps, "time (ps)", "change in a step\n(meV/atom)")
    whole.legend(fontsize=LETTERS, frameon=False)
    save(picture, __file__)


if __name__ == "__main__":
    main()
