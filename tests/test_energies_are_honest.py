"""Energies of frozen wave functions that are known in closed form, measured by the chain that measures them all."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from eltanin.execution import Inline
from eltanin.labelling.ask import Labelling
from eltanin_hamiltonian import Coulomb, Helium4
from eltanin_monte_carlo import MonteCarlo
from eltanin_monte_carlo.moves import Gaussian, Langevin
from eltanin_monte_carlo.sweeps import SingleParticle
from eltanin_walkers import laplacian as lap
from eltanin_walkers.domain import ManyBody
from eltanin_walkers.evaluation import Energy
from eltanin_walkers.systems.molecule import Molecule
from eltanin_walkers.systems.periodic_box import PeriodicBox
from eltanin_wavefunction import Psi
from eltanin_wavefunction.closed_forms import Hydrogenic
from eltanin_wavefunction.mcmillan import McMillan


def measured(psi, system, labeler, seed, rounds, move=None, **settings):
    """Return what a frozen wave function is said to have, from walkers of its own."""
    explorer = MonteCarlo(system, move=move or Gaussian(), **settings)
    labelling = Labelling(ManyBody(), labeler, Inline(), 0, None)
    state = explorer.init(np.random.default_rng(seed))
    return Energy(rounds=rounds).measure(explorer, state, labelling, [psi], np.random.default_rng(100 + seed))


SLOW = [pytest.param(move, marks=pytest.mark.slow) for move in (Langevin(), SingleParticle())]


@pytest.mark.parametrize("move", [Gaussian(), *SLOW])
def test_twenty_energies_of_hydrogen_with_a_wrong_exponent_lie_within_their_error_bars(move):
    zeta, hydrogen = 0.8, Molecule("H 0 0 0")
    psi = Psi(Hydrogenic(hydrogen, zeta), {"log_zeta": torch.tensor(np.log(zeta))}, 1.0, 256)
    exact, within, apart = zeta**2 / 2 - zeta, 0, 0
    for seed in range(20):
        found = measured(psi, hydrogen, Coulomb(hydrogen), seed, 64, move, walkers=64, steps=5, burn_in=100)
        within += abs(found["energy"] - exact) < 2 * found["energy_error"]
        apart += found["kinetic_discrepancy"] > 2
        assert found["energy_error"] < 0.01
        assert found["kinetic"] == pytest.approx(zeta**2 / 2, abs=0.05)
        assert found["r_hat"] < 1.1
    assert within >= 17
    assert apart <= 3


class Cut(McMillan):
    """McMillan's pair function as it was: cut at half of the box, where its slope has a step."""

    def log_psi(self, parameters, x):
        first, second = torch.triu_indices(self.system.number, self.system.number, 1)
        r = lap.separations(x, first, second, self.system.nearest)
        distance = r.value if isinstance(r, lap.Carried) else r
        near = (distance < self.system.edge / 2).double()
        u = (lap.power(r, -5.0) + -((2 / self.system.edge) ** 5)) * (near * 0.5 * parameters["log_length"].exp() ** 5)
        return torch.ones(x.shape[0]), lap.total_of_pairs(-u, first, second, self.system.number)

    course = None


@pytest.mark.slow
@pytest.mark.parametrize(("form", "agrees"), [(McMillan, True), (Cut, False)])
def test_kinetic_energies_of_helium_find_a_kink(form, agrees):
    box = PeriodicBox(32)
    ansatz = form(box)
    psi = Psi(ansatz, ansatz.begin(np.random.default_rng()), box.mass, 16)
    settings = {"walkers": 64, "steps": 1, "burn_in": 100, "step": 0.7}
    found = measured(psi, box, Helium4(box), 0, 160, SingleParticle(), **settings)
    assert (found["kinetic_discrepancy"] < 3) is agrees
    assert found["kinetic"] == pytest.approx(14.0 if agrees else 13.0, abs=0.5)


def test_a_model_without_local_energy_is_refused_before_anything_is_spent(tmp_path):
    parts = "system=particles explorer=monte_carlo selector=everything labeler=harmonic_well committee=1 memory=latest"
    done = subprocess.run(
        [Path(sys.executable).with_name("elt"), "run", *parts.split(), "model=gaussian_wavefunction",
         "validation=energy", "hydra.run.dir=run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "model=wavefunction" in done.stderr
    assert not (tmp_path / "run" / "run.json").exists()
