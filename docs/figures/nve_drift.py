"""Total energy of copper in NVE with a Deep Potential: python docs/figures/nve_drift.py RUN [PICTURE].

108 atoms at 300 K for 20 ps in steps of 2 fs, driven by the first member of the committee of RUN. What a smooth
potential must show: fluctuations of the order of the integrator's, and no drift.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from ase import units
from ase.build import bulk
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary
from ase.md.verlet import VelocityVerlet
from matplotlib.figure import Figure

from eltanin.run.folder import RunFolder
from eltanin.run.publish import committee_of
from eltanin_atoms.calculator import CommitteeCalculator

STEPS, TIMESTEP, EVERY = 10_000, 2.0, 10  # fs


def energies(run: Path) -> np.ndarray:
    """Return rows of time (ps), total and potential energy (meV/atom), (n, 3)."""
    atoms = bulk("Cu", cubic=True, a=3.61) * (3, 3, 3)
    atoms.calc = CommitteeCalculator(committee_of(RunFolder(run))[:1])
    rng = np.random.default_rng(0)
    MaxwellBoltzmannDistribution(atoms, temperature_K=600, rng=rng)  # half of it goes into the springs
    Stationary(atoms)
    dynamics, rows = VelocityVerlet(atoms, TIMESTEP * units.fs), []

    def note() -> None:
        total, potential = atoms.get_total_energy(), atoms.get_potential_energy()
        rows.append((dynamics.nsteps * TIMESTEP * 1e-3, *(1e3 * e / len(atoms) for e in (total, potential))))

    dynamics.attach(note, interval=EVERY)
    dynamics.run(STEPS)
    return np.array(rows)


def drawn(rows: np.ndarray, picture: Path) -> dict[str, float]:
    """Draw the total energy over time; return its drift and its fluctuation."""
    time, total, potential = rows.T
    slope, offset = np.polyfit(time, total, 1)
    drift = {
        "drift_mev_per_atom": float(slope * (time[-1] - time[0])),
        "fluctuation_mev_per_atom": float(np.std(total - slope * time - offset)),
    }
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=[1, 1.6])
    above.plot(time, potential - total[0], color="#dea92f", lw=0.6)
    above.set_ylabel("potential energy\n(meV/atom)")
    below.plot(time, total - total[0], color="#1f5a96", lw=0.6)
    below.plot(time, slope * time + offset - total[0], color="#1b1f24", lw=1.5, ls="--")
    room = max(0.05, 8 * drift["fluctuation_mev_per_atom"])
    below.set_ylim(offset - total[0] - room, offset - total[0] + room)
    below.set_xlabel("time (ps)")
    below.set_ylabel("total energy\n(meV/atom)")
    below.set_title(
        f"drift {drift['drift_mev_per_atom']:+.1g} meV/atom in {time[-1]:.0f} ps, "
        f"fluctuation {drift['fluctuation_mev_per_atom']:.1g} meV/atom",
        fontsize=10,
    )
    for panel in (above, below):
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#e3e6ea", lw=0.6)
    figure.suptitle("Deep Potential of copper, 108 atoms, NVE at 300 K", fontsize=11)
    figure.savefig(picture, dpi=150)
    return drift


if __name__ == "__main__":
    given = [Path(word) for word in sys.argv[1:]]
    print(json.dumps(drawn(energies(given[0]), given[1] if given[1:] else Path(__file__).with_suffix(".png"))))  # noqa: T201
