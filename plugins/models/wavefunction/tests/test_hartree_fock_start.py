"""Determinants that begin near Hartree–Fock."""

import numpy as np
import pytest
import torch

from eltanin.batch import Properties
from eltanin.protocols import Dataset, Reason
from eltanin_walkers.systems.lattice import Lattice
from eltanin_walkers.systems.molecule import Molecule
from eltanin_walkers.walkers import Walkers
from eltanin_wavefunction import WaveFunction
from eltanin_wavefunction.closed_forms import Hydrogenic
from eltanin_wavefunction.determinants import Determinants
from eltanin_wavefunction.optimizers import Spring
from eltanin_wavefunction.slater_jastrow import SlaterJastrow
from eltanin_wavefunction.starting import HartreeFock, distance

BERYLLIUM = Molecule("Be 0 0 0")


def rng(seed=0):
    return np.random.default_rng(seed)


def begun(system, start):
    model = WaveFunction(system, ansatz=Determinants(system, 2, 8, 4), optimizer=Spring(), start=start)
    x = Walkers(system.start(2, rng()))
    n = len(x)
    reason = np.full(n, int(Reason.INITIAL))
    data = Dataset(x, Properties.none(n), np.zeros(n, int), reason, np.zeros(n), Properties.none(n))
    return model.ansatz, model.init(data, rng())["parameters"]


def test_orbitals_come_near_those_of_hartree_fock():
    start = HartreeFock(BERYLLIUM, basis="6-31g", steps=80, walkers=64, rate=1e-2)
    (walkers,) = HartreeFock(BERYLLIUM, basis="6-31g", steps=1, walkers=200)._walked(rng(7))
    far, near = (
        float(distance(ansatz.matrices(parameters, walkers), start._targets(walkers)))
        for ansatz, parameters in (begun(BERYLLIUM, None), begun(BERYLLIUM, start))
    )
    assert far > 0.5
    assert near < far / 5


def test_walkers_are_on_the_square_of_the_determinant():
    """One electron: the mean of r of hydrogen, 3/2 bohr, and of r², 3."""
    *_, one = HartreeFock(Molecule("H 0 0 0"), basis="cc-pvtz", steps=20, walkers=4000)._walked(rng())
    r = one.norm(dim=-1)
    assert float(r.mean()) == pytest.approx(1.5, abs=4 * 0.866 / 4000**0.5)
    assert float((r**2).mean()) == pytest.approx(3.0, abs=0.35)


def test_targets_with_the_cusp_are_the_orbitals():
    start, x = HartreeFock(BERYLLIUM, basis="6-31g"), torch.as_tensor(BERYLLIUM.start(3, rng()))
    bare = SlaterJastrow(BERYLLIUM, basis="6-31g", terms=0)
    r = x.norm(dim=-1)
    cusp = -4 * (r - (r**2 + 1 / 16).sqrt() + 1 / 4)
    up, down = start._targets(x)
    found = torch.cat([up * torch.exp(cusp[:, None, :2, None]), down * torch.exp(cusp[:, None, 2:, None])], dim=2)
    expected = torch.cat(bare.matrices(bare.begin(rng()), x), dim=2)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: HartreeFock(BERYLLIUM, steps=0), "model.start.steps=0"),
        (lambda: HartreeFock(BERYLLIUM, rate=0.0), "model.start.rate"),
        (lambda: HartreeFock(BERYLLIUM, basis="sto"), "basis=sto"),
        (lambda: HartreeFock(Lattice((4,))), "system=molecule"),
        (lambda: HartreeFock(BERYLLIUM).check(Hydrogenic(Molecule("He 0 0 0"))), "Hydrogenic has"),
    ],
)
def test_what_cannot_be_started_is_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        wrong()
