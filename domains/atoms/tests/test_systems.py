"""Where a campaign begins: crystals and files, checked before any work."""

from __future__ import annotations

import sys

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from eltanin.batch import Properties
from eltanin_atoms.files import write
from eltanin_atoms.structures import Structures
from eltanin_atoms.systems import Crystal, StructureFiles


class TestCrystal:
    @pytest.mark.parametrize(
        ("settings", "atoms", "volume", "neighbour"),
        [
            ({}, 4, 3.61**3, 3.61 / 2**0.5),
            ({"cubic": False}, 1, 3.61**3 / 4, 3.61 / 2**0.5),
            ({"name": "Fe", "structure": "bcc", "a": 2.87}, 2, 2.87**3, 2.87 * 3**0.5 / 2),
            ({"name": "Si", "structure": "diamond", "a": 5.43}, 8, 5.43**3, 5.43 * 3**0.5 / 4),
            ({"name": "NaCl", "structure": "rocksalt", "a": 5.64}, 8, 5.64**3, 5.64 / 2),
            ({"name": "Mg", "structure": "hcp", "a": 3.2, "c": 5.2}, 2, 3**0.5 / 2 * 3.2**2 * 5.2, None),
        ],
    )
    def test_it_has_the_cell_and_the_neighbours_of_its_structure(self, settings, atoms, volume, neighbour):
        x = Crystal(**settings).structures()
        assert x.counts.tolist() == [atoms]
        assert x.volume[0] == pytest.approx(volume)
        assert x.pbc.all()
        if neighbour:
            distances = (x.to_ase()[0] * (2, 2, 2)).get_all_distances(mic=True)
            assert distances[distances > 0].min() == pytest.approx(neighbour)

    def test_cells_are_repeated(self):
        x = Crystal(name="Ar", repeat=[3, 2, 1]).structures()
        assert x.counts.tolist() == [24]
        np.testing.assert_allclose(np.diag(x.cell[0]), 5.26 * np.array([3, 2, 1]))

    @pytest.mark.parametrize(
        ("settings", "says"),
        [
            ({"structure": "fc"}, "did you mean fcc"),
            ({"name": "Xx"}, "name=Xx"),
            ({"name": "NaCl", "structure": "rocksalt"}, "lattice constant a in Å"),
            ({"name": "Cu", "structure": "rocksalt", "a": 4.0}, "cannot be built"),
            ({"a": -1.0}, "a=-1.0"),
            ({"a": float("nan")}, "a=nan"),
            ({"repeat": [2, 2]}, "repeat="),
            ({"repeat": [2, 2, 0]}, "repeat="),
        ],
    )
    def test_settings_are_checked(self, settings, says):
        with pytest.raises(ValueError, match=says):
            Crystal(**settings)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a working directory with a crystal, a trajectory and an installed package."""
    monkeypatch.chdir(tmp_path)
    ase.io.write("copper.cif", bulk("Cu", cubic=True), format="cif")
    x = Structures.from_ase([bulk("Cu"), bulk("Cu", a=3.7)], {"region": np.array(["a", "b"])})
    write(tmp_path / "two.extxyz", x, Properties.none(2))
    package = tmp_path / "site" / "preset_of_somebody"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "inner" / "copper.cif").write_text((tmp_path / "copper.cif").read_text())
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path


class TestStructureFiles:
    def test_all_structures_of_all_files_come_in_order(self, folder):
        x = StructureFiles(["copper.cif", "two.extxyz", str(folder / "copper.cif")]).structures()
        assert x.counts.tolist() == [4, 1, 1, 4]
        assert x.evidence == {}

    def test_each_is_repeated(self, folder):
        x = StructureFiles(["two.extxyz"], repeat=[2, 2, 2]).structures()
        assert x.counts.tolist() == [8, 8]
        np.testing.assert_allclose(x.volume, [8 * 3.61**3 / 4, 8 * 3.7**3 / 4])

    def test_charges_and_spins_are_repeated_too(self, folder):
        x = Structures.from_ase([Atoms("Na", cell=[4, 4, 4], pbc=True, info={"charge": 1.0, "spin": 2})])
        write(folder / "ion.extxyz", x, Properties.none(1))
        repeated = StructureFiles(["ion.extxyz"], repeat=[3, 1, 1]).structures()
        assert (repeated.charge[0], repeated.spin[0]) == (3.0, 6)

    def test_a_package_ships_files_and_is_not_imported(self, folder):
        x = StructureFiles(["package:preset_of_somebody/inner/copper.cif"]).structures()
        assert x.counts.tolist() == [4]
        assert "preset_of_somebody" not in sys.modules

    @pytest.mark.parametrize(
        ("path", "says"),
        [
            ("nowhere.cif", "nowhere.cif does not exist .looked in"),
            ("package:preset_of_nobody/a.cif", "no package 'preset_of_nobody' is installed"),
            ("package:preset_of_somebody/a.cif", "has no such file .looked in"),
            ("package:preset_of_somebody/../../copper.cif", "has no such file"),
            ("package:preset_of_somebody.inner/copper.cif", "no package"),
            ("package:copper.cif", "no package"),
        ],
    )
    def test_a_missing_file_says_where_it_was_looked_for(self, folder, path, says):
        with pytest.raises(ValueError, match=says):
            StructureFiles([path])

    def test_no_files_are_no_system(self):
        with pytest.raises(ValueError, match="names no structures"):
            StructureFiles()

    def test_what_is_not_periodic_is_not_repeated(self, folder):
        ase.io.write("molecule.xyz", Atoms("OH", [[0, 0, 0], [0, 0, 1]]), format="extxyz")
        with pytest.raises(ValueError, match="not periodic"):
            StructureFiles(["molecule.xyz"], repeat=[1, 1, 2])
        assert len(StructureFiles(["molecule.xyz"]).structures()) == 1
