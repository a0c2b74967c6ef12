"""Labels from ASE's calculators: consistent, honest about what is missing, closed to commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.calculator import CalculationFailed, Calculator, SCFError, all_changes, register_calculator_class
from ase.calculators.emt import EMT
from vesin import NeighborList

from eltanin_ase_calculator import AseCalculator
from eltanin_ase_calculator.calculators import writes_files
from eltanin_ase_calculator.output import last_written
from eltanin_atoms.conformance.labelers import LabelerConformance, ask, energies
from eltanin_atoms.structures import Structures

LIST_RANGE = 5.876798323827276  # Å, where ASE's EMT takes a neighbour into its list


def rattled(atoms: Atoms, seed: int, by: float = 0.1) -> Atoms:
    rng = np.random.default_rng(seed)
    atoms.positions += rng.normal(scale=by, size=atoms.positions.shape)
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(scale=0.02, size=(3, 3))), scale_atoms=True)
    return atoms


class TestEmtConformance(LabelerConformance):
    """EMT steps where a neighbour enters its list, so the differences are small and stay clear of that."""

    step = 2e-4

    @pytest.fixture
    def labeler(self):
        return AseCalculator()

    @pytest.fixture
    def structures(self):
        alloy = rattled(bulk("Cu", "fcc", a=3.8, cubic=True), 1)
        alloy.symbols[[0, 2]] = "Au"
        slab = rattled(fcc111("Al", (2, 2, 2), vacuum=5.0), 2)
        slab.pbc = (True, True, False)
        cluster = rattled(bulk("Ag", "fcc", a=4.1, cubic=True) * (2, 1, 1), 4)
        cluster.pbc = False
        return Structures.from_ase(
            [
                rattled(bulk("Cu", "fcc", a=3.61, cubic=True), 0),
                alloy,
                rattled(bulk("Pt", "hcp", a=2.8), 3),  # two atoms, far smaller than the range
                slab,
                cluster,
            ]
        )

    def test_no_neighbour_enters_the_list_within_the_differences(self, structures):
        margin = 2 * self.step * max(2.0, LIST_RANGE)  # of two atoms moved apart, or of a strain
        search = NeighborList(cutoff=LIST_RANGE + 1.0, full_list=True)
        rows = zip(structures.positions.rows(), structures.cell, structures.pbc, strict=True)
        for positions, cell, pbc in rows:
            (distance,) = search.compute(positions, cell, pbc, "d")
            assert np.abs(distance - LIST_RANGE).min() > margin

    def test_virials_are_of_periodic_cells_only(self, labeler, structures):
        assert ask(labeler, structures).values.has("virial").tolist() == [True, True, True, False, False]


def test_emt_steps_by_some_micro_electronvolts_where_a_neighbour_enters_its_list():
    heights = LIST_RANGE + np.array([-1e-9, 1e-9])
    trimers = [Atoms("Cu3", [[0, 0, 0], [2.5, 0, 0], [0, 0, z]]) for z in heights]
    inside, outside = energies(AseCalculator(), Structures.from_ase(trimers))
    assert 1e-6 < outside - inside < 2e-5


def test_a_label_is_what_ase_says():
    atoms = rattled(bulk("Cu", cubic=True), 7)
    values = ask(AseCalculator(), Structures.from_ase([atoms])).values.values
    atoms.calc = EMT()
    assert values["energy"][0] == atoms.get_potential_energy()
    np.testing.assert_array_equal(values["forces"].values, atoms.get_forces())
    np.testing.assert_array_equal(values["virial"][0], -atoms.get_volume() * atoms.get_stress(voigt=False))


def test_parameters_reach_the_calculator():
    x = Structures.from_ase([rattled(bulk("Cu", cubic=True), 7)])
    asap = energies(AseCalculator(parameters={"asap_cutoff": True}), x)
    assert asap[0] != energies(AseCalculator(), x)[0]
    lj = AseCalculator("lj", {"sigma": 2.3, "epsilon": 0.4, "rc": 6.0})
    assert energies(lj, x)[0] < 0


class Strange(Calculator):
    """A calculator with troubles of its own, told apart by the element."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (ASE declares it so)

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes):
        super().calculate(atoms, properties, system_changes)
        if atoms.numbers[0] == 1:
            raise SCFError("50 cycles")
        if atoms.numbers[0] == 2:
            (Path(self.directory) / "strange.log").write_text("cycle 1\ncycle 2\n")
            raise RuntimeError("no licence")
        if atoms.numbers[0] == 5:
            raise CalculationFailed("exit status 1")
        if atoms.numbers[0] == 6:
            raise MemoryError
        self.converged = atoms.numbers[0] != 7
        energy = np.nan if atoms.numbers[0] == 3 else 1.5
        self.results = {"energy": energy, "forces": np.zeros((len(atoms), 3))}


@pytest.fixture
def strange(monkeypatch):
    from ase.calculators import calculator

    monkeypatch.setattr(calculator, "external_calculators", dict(calculator.external_calculators))
    monkeypatch.setattr("eltanin_ase_calculator.calculators.external_calculators", calculator.external_calculators)
    register_calculator_class("strange", Strange)
    return AseCalculator("strange")


def labels_of(strange, *symbols):
    return ask(strange, Structures.from_ase([Atoms(s, cell=[5, 5, 5], pbc=True) for s in symbols]))


def test_troubles_of_a_calculator_are_failures_of_single_structures(strange):
    labels = labels_of(strange, "H", "Be", "He", "Li", "B")
    kinds = {i: f.kind for i, f in labels.failures.items()}
    assert kinds == {0: "unconverged", 2: "error", 3: "nonfinite", 4: "crash"}
    assert "no licence" in labels.failures[2].message
    assert labels.failures[2].output == "strange.log:\ncycle 1\ncycle 2"
    assert labels.values.values["energy"][1] == 1.5


def test_memory_is_for_whoever_gave_it_to_say(strange):
    with pytest.raises(MemoryError):
        labels_of(strange, "C")


def test_each_label_says_which_calculator_made_it_and_whether_it_converged(strange):
    labels = labels_of(strange, "Be", "He", "N")
    assert labels.evidence == {
        0: {"method": "Strange()", "converged": True},
        2: {"method": "Strange()", "converged": False},
    }
    lj = ask(AseCalculator("lj", {"sigma": 2.3, "rc": 6.0}), Structures.from_ase([bulk("Cu")]))
    assert lj.evidence == {0: {"method": "LennardJones(rc=6.0, sigma=2.3)"}}


def test_the_last_lines_are_those_of_the_newest_text_file(tmp_path):
    assert last_written(tmp_path) == ""
    for i, (name, content) in enumerate(
        {"old.log": b"old", "new.log": b"a\n" * 50 + b"end", "wave.bin": b"\0\1"}.items()
    ):
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, ns=(0, i))
    (tmp_path / "empty.log").touch()
    assert last_written(tmp_path) == "new.log:\n" + "a\n" * 19 + "end"


def test_what_is_not_implemented_is_not_present(strange):
    labels = ask(strange, Structures.from_ase([Atoms("Be", cell=[5, 5, 5], pbc=True)]))
    assert not labels.values.has("virial").any()
    assert labels.values.has("forces").all()


def test_elements_that_emt_does_not_know_are_refused_before_work():
    with pytest.raises(ValueError, match=r"no parameters for Ar.*Cu.*Choose another"):
        AseCalculator().check(Structures.from_ase([bulk("Ar"), bulk("Cu")]))
    AseCalculator().check(Structures.from_ase([bulk("Cu"), molecule("CO")]))


def test_a_program_that_is_not_configured_is_refused_before_work(monkeypatch):
    monkeypatch.delenv("ASE_ORCA_COMMAND", raising=False)
    with pytest.raises(ValueError, match=r"calculator=orca.*cannot be set up"):
        AseCalculator("orca").check(Structures.from_ase([molecule("H2O")]))


@pytest.mark.parametrize(
    ("calculator", "parameters", "says"),
    [
        ("emd", {}, "did you mean emt"),
        ("os.system", {}, "not one that ASE knows by name"),
        ("ase.calculators.emt.EMT", {}, "not one that ASE knows by name"),
        ("hotbit", {}, "package that is missing"),
        ("emt", {"asap_cutof": True}, "did you mean asap_cutoff"),
        ("orca", {"command": "rm -rf /"}, "not for a campaign to set"),
        ("vasp", {"directory": "/"}, "not for a campaign to set"),
    ],
)
def test_settings_are_checked(calculator, parameters, says):
    with pytest.raises(ValueError, match=says):
        AseCalculator(calculator, parameters)


def test_calculators_that_write_files_get_a_folder_of_their_own():
    from ase.calculators.lj import LennardJones
    from ase.calculators.orca import ORCA
    from ase.calculators.vasp import Vasp

    assert [writes_files(kind) for kind in (EMT, LennardJones, Vasp, ORCA)] == [False, False, True, True]
