"""The walkers domain: deviations that know no norm, refusals, files."""

import numpy as np
import pytest

from eltanin.batch import Properties, fingerprints
from eltanin_walkers.domain import ManyBody
from eltanin_walkers.walkers import Walkers


def psi(log_psi, sign=1.0):
    return Properties.of(log_psi=np.array(log_psi), sign=np.full(len(log_psi), sign))


def test_a_constant_factor_of_psi_is_no_deviation():
    one = psi([0.1, -0.3, 2.0])
    np.testing.assert_allclose(ManyBody().deviation([one, psi([7.1, 6.7, 9.0])]), 0, atol=1e-14)
    spread = ManyBody().deviation([one, psi([0.1, -0.3, 5.0])])
    np.testing.assert_allclose(spread, [0.5, 0.5, 1.0])


def test_mean_wave_function():
    mean = ManyBody().mean([psi([1.0, 2.0], -1.0), psi([3.0, 2.0], -1.0)])
    np.testing.assert_array_equal(mean.values["log_psi"], [2.0, 2.0])
    np.testing.assert_array_equal(mean.values["sign"], -1.0)


def test_error_is_undefined_for_a_potential_is_no_wave_function():
    assert np.isnan(ManyBody().error(psi([1.0]), Properties.of(potential=np.ones(1)))).all()


def test_potential_energy_that_is_not_finite_is_refused():
    labels = Properties.of(potential=np.array([1.0, np.inf, np.nan]))
    found = ManyBody().refusals(Walkers(np.zeros((3, 1, 1))), labels)
    assert {i: f.kind for i, f in found.items()} == {1: "nonfinite", 2: "nonfinite"}


def test_potential_energies_of_other_shapes_are_refused():
    x = Walkers(np.zeros((3, 1, 1)))
    for ill in (Properties.of(potential=np.zeros((3, 1))), Properties.of(potential=np.zeros(2)), Properties.none(3)):
        assert {f.kind for f in ManyBody().refusals(x, ill).values()} == {"shape"}
        assert len(ManyBody().refusals(x, ill)) == 3


def test_walkers_that_are_nowhere_are_not_asked_about():
    positions = np.zeros((3, 2, 3))
    positions[1, 0, 2] = np.nan
    assert {i: f.kind for i, f in ManyBody().flaws(Walkers(positions)).items()} == {1: "nonfinite"}
    assert {f.kind for f in ManyBody().flaws(Walkers(positions[0])).values()} == {"shape"}


def test_file_brings_back_every_bit(tmp_path):
    rng = np.random.default_rng(0)
    x = Walkers(rng.normal(size=(4, 2, 3)), {"acceptance": rng.uniform(size=4)})
    labels = Properties(
        {"potential": rng.normal(size=4)},
        {"potential": np.array([True, True, False, True])},
        {"potential": rng.uniform(size=4)},
    )
    ManyBody().write(tmp_path / "walkers.npz", x, labels)
    y, same = ManyBody().read(tmp_path / "walkers.npz")
    assert fingerprints(y) == fingerprints(x)
    np.testing.assert_array_equal(y.evidence["acceptance"], x.evidence["acceptance"])
    for name in ("values", "present", "sigma"):
        np.testing.assert_array_equal(getattr(same, name)["potential"], getattr(labels, name)["potential"])


def test_file_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", fields=np.zeros(3))
    with pytest.raises(ValueError, match="no positions"):
        ManyBody().read(tmp_path / "other.npz")
