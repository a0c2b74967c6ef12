"""Files of atoms: numbers come back as they were, damage is refused, content is never executed."""

from __future__ import annotations

from dataclasses import replace

import ase.io
import numpy as np
import pytest
from ase import Atoms as AseAtoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from eltanin.batch import Properties, Ragged, fingerprints
from eltanin_atoms import deepmd_npy, extxyz, files
from eltanin_atoms.structures import Structures


@pytest.fixture
def labelled():
    """Return four structures: a cell, a molecule with charge, a slab, a cell; not all labels are there."""
    rng = np.random.default_rng(0)
    frames = [
        bulk("NaCl", "rocksalt", a=5.64),
        AseAtoms("OH", [[0, 0, 0], [0, 0, 0.97]], info={"charge": -1.0, "spin": 0}),
        AseAtoms("Cu", cell=[[3, 0, 0], [1, 3, 0], [0, 0, 9]], pbc=(True, True, False)),
        bulk("Cu", cubic=True),
    ]
    for atoms in frames:
        atoms.positions += rng.normal(size=atoms.positions.shape)
    x = Structures.from_ase(
        frames,
        {
            "region": np.array(["solid, cold", "", 'the "gas"', "solid_300K"]),
            "temperature": np.array([300.0, np.nan, 1 / 3, 300.0]),
            "trajectory": np.array([3, -1, 0, 1]),
            "velocities": Ragged(rng.normal(size=(6, 3)), np.array([2, 0, 0, 4])),
        },
    )
    forces = Ragged(rng.normal(size=(8, 3)), np.array([2, 2, 0, 4]))
    y = Properties(
        {"energy": rng.normal(size=4) * 1e4, "forces": forces, "virial": rng.normal(size=(4, 3, 3))},
        {
            "energy": np.array([True, True, True, False]),
            "forces": np.array([True, True, False, True]),
            "virial": np.array([True, False, False, True]),
        },
    )
    return x, y


class TestExtendedXyz:
    def test_every_number_comes_back_the_same(self, labelled, tmp_path):
        x, y = labelled
        files.write(tmp_path / "a.extxyz", x, y)
        again, labels = files.read(tmp_path / "a.extxyz")
        assert fingerprints(again) == fingerprints(x)
        np.testing.assert_array_equal(again.positions.values, x.positions.values)
        np.testing.assert_array_equal(again.cell, x.cell)
        for name, column in x.evidence.items():
            found = again.evidence[name]
            for a, b in zip(column, found, strict=True) if not isinstance(column, Ragged) else [(column, found)]:
                np.testing.assert_array_equal(getattr(a, "values", a), getattr(b, "values", b))
        for name in y.values:
            np.testing.assert_array_equal(labels.has(name), y.has(name))
        known = y.has("energy")
        np.testing.assert_array_equal(labels.values["energy"][known], y.values["energy"][known])
        np.testing.assert_array_equal(labels.values["forces"].values, y.values["forces"].values)
        np.testing.assert_array_equal(labels.values["virial"][[0, 3]], y.values["virial"][[0, 3]])

    def test_ase_reads_what_is_written(self, labelled, tmp_path):
        x, y = labelled
        files.write(tmp_path / "a.extxyz", x, y)
        frames = ase.io.read(tmp_path / "a.extxyz", format="extxyz", index=":")
        assert [a.get_chemical_formula() for a in frames] == ["ClNa", "HO", "Cu", "Cu4"]
        assert frames[0].get_potential_energy() == y.values["energy"][0]
        np.testing.assert_array_equal(frames[3].get_forces(), y.values["forces"].rows()[3])
        np.testing.assert_array_equal(frames[2].cell.array, x.cell[2])
        assert frames[2].pbc.tolist() == [True, True, False]
        assert frames[1].info["charge"] == -1
        assert frames[0].info["region"] == "solid, cold"

    def test_what_ase_writes_is_read_with_stress_turned_into_virial(self, tmp_path):
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        stress = np.array([[1, 2, 3], [2, 4, 5], [3, 5, 6.0]]) * 1e-3
        atoms.calc = SinglePointCalculator(
            atoms, energy=-1.5, forces=np.full((8, 3), 0.25), stress=stress.ravel()[[0, 4, 8, 5, 2, 1]]
        )
        ase.io.write(tmp_path / "a.xyz", [atoms, bulk("Cu")], format="extxyz")
        x, y = files.read(tmp_path / "a.xyz")
        assert x.counts.tolist() == [8, 1]
        assert y.values["energy"][0] == -1.5
        np.testing.assert_allclose(y.values["virial"][0], -atoms.get_volume() * stress)
        np.testing.assert_allclose(y.values["forces"].values, 0.25)
        for name in ("energy", "forces", "virial"):
            assert y.has(name).tolist() == [True, False]

    def test_a_virial_that_contradicts_the_stress_is_refused(self, tmp_path):
        path = tmp_path / "a.extxyz"
        path.write_text(
            '1\nLattice="2 0 0 0 2 0 0 0 2" virial="1 0 0 0 1 0 0 0 1" stress="1 0 0 0 1 0 0 0 1"\nCu 0 0 0\n'
        )
        with pytest.raises(ValueError, match="virial and -volume"):
            files.read(path)

    def test_a_file_cut_anywhere_is_refused(self, labelled, tmp_path):
        files.write(tmp_path / "a.extxyz", *labelled)
        whole = (tmp_path / "a.extxyz").read_bytes()
        cut = tmp_path / "cut.extxyz"
        for end in range(1, len(whole)):
            cut.write_bytes(whole[:end])
            with pytest.raises(ValueError, match="extxyz"):
                files.read(cut)

    def test_a_changed_digit_is_refused(self, labelled, tmp_path):
        files.write(tmp_path / "a.extxyz", *labelled)
        lines = (tmp_path / "a.extxyz").read_text().split("\n")
        row = next(i for i, line in enumerate(lines) if line.startswith("Cu"))
        lines[row] = lines[row][:-1] + str((int(lines[row][-1]) + 1) % 10)
        (tmp_path / "a.extxyz").write_text("\n".join(lines))
        with pytest.raises(ValueError, match=r"line \d+: the frame is not what was written.*take out seal"):
            files.read(tmp_path / "a.extxyz")

    def test_a_missing_frame_is_noticed_and_joined_files_are_not_taken_for_one(self, labelled, tmp_path):
        files.write(tmp_path / "a.extxyz", *labelled)
        text = (tmp_path / "a.extxyz").read_text()
        second = text.index("2\nseal=1:")
        third = text.index("1\nseal=2:")
        for damaged in (
            text[:second] + text[third:],
            text[second:],
            text[:third] + text,
            text[:third] + text[third:] * 2,
        ):
            (tmp_path / "b.extxyz").write_text(damaged)
            with pytest.raises(ValueError, match="cut"):
                files.read(tmp_path / "b.extxyz")
        (tmp_path / "b.extxyz").write_text(text + text)
        assert len(files.read(tmp_path / "b.extxyz")[0]) == 8

    def test_frames_that_another_program_took_out_are_fine(self, labelled, tmp_path):
        files.write(tmp_path / "a.extxyz", *labelled)
        frames = ase.io.read(tmp_path / "a.extxyz", format="extxyz", index="1:3")
        ase.io.write(tmp_path / "b.extxyz", frames, format="extxyz")
        assert len(files.read(tmp_path / "b.extxyz")[0]) == 2

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "is empty"),
            ("two\n\nCu 0 0 0\n", "line 1: 'two' should be a number of atoms"),
            ("0\n\n", "line 1: 0 is not a number of atoms"),
            ("2\n\nCu 0 0 0\n", "line 1: 2 atoms announced, 1 found"),
            ("1\n\nCu 0 0 0", "ends within a line"),
            ("1\n\nCu 0 0\n", "line 3: 3 columns, but Properties says 4"),
            ("1\n\nCu 0 0 0 1 2 3\n", "line 3: 7 columns, but Properties says 4"),
            ("2\n\nCu 0 0 0\nCu 0 1,5 0\n", "line 4: could not convert string to float: '1,5'"),
            ("1\n\nCu 0 nan 0\n", "is not finite"),
            ("1\n\nXy 0 0 0\n", "no element is called Xy"),
            ("1\nProperties=pos:R:3\n0 0 0\n", "there are no elements"),
            ("1\nProperties=species:S:1\nCu\n", "pos is missing"),
            ("1\nProperties=species:S:1:pos:R:3:pos:R:3\nCu 0 0 0 1 1 1\n", "each name once"),
            ("1\nProperties=species:S:1:pos:Q:3\nCu 0 0 0\n", "line 2: Properties"),
            ("1\nProperties=species:S:1:pos:R:3:forces:R:2\nCu 0 0 0 1 1\n", "forces is missing or no vector"),
            ('1\nLattice="2 0 0 0 2"\nCu 0 0 0\n', "line 2"),
            ('1\nLattice="2 0 0 0 inf 0 0 0 2"\nCu 0 0 0\n', "Lattice should be nine finite numbers"),
            ('1\npbc="T T"\nCu 0 0 0\n', "pbc"),
            ("1\nenergy=low\nCu 0 0 0\n", "energy='low' is not a number"),
            ("1\nenergy=T\nCu 0 0 0\n", "energy=True is not a number"),
            ("1\n\nCu 0 0 0\n\n1\n\nCu 0 0 0\n", "line 4: '' should be a number of atoms"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_line(self, tmp_path, text, says):
        path = tmp_path / "a.extxyz"
        path.write_text(text)
        with pytest.raises(ValueError, match=r"a\.extxyz") as error:
            files.read(path)
        assert says in str(error.value)

    def test_binary_is_no_text(self, tmp_path):
        (tmp_path / "a.extxyz").write_bytes(b"\x80\x04\x95")
        with pytest.raises(ValueError, match="is not text"):
            files.read(tmp_path / "a.extxyz")

    def test_windows_line_ends_are_fine(self, labelled, tmp_path):
        files.write(tmp_path / "a.extxyz", *labelled)
        text = (tmp_path / "a.extxyz").read_text()
        (tmp_path / "b.extxyz").write_bytes(text.replace("\n", "\r\n").encode())
        assert fingerprints(files.read(tmp_path / "b.extxyz")[0]) == fingerprints(labelled[0])

    def test_forces_of_other_atoms_are_not_written(self, labelled, tmp_path):
        x, y = labelled
        with pytest.raises(ValueError, match="forces of 4 atoms cannot be written with 2 atoms"):
            extxyz.write(tmp_path / "a.extxyz", x[[0]], y[[3]])
        assert not (tmp_path / "a.extxyz").exists()


def system(folder, atoms=3, frames=2, **arrays):
    rng = np.random.default_rng(1)
    (folder / "set.000").mkdir(parents=True)
    (folder / "type.raw").write_text("1\n0\n1\n"[: 2 * atoms])
    (folder / "type_map.raw").write_text("O\nH\n")
    given = {"coord": rng.normal(size=(frames, 3 * atoms)), "box": np.tile(np.eye(3).ravel() * 9, (frames, 1))}
    for name, array in (given | arrays).items():
        np.save(folder / "set.000" / f"{name}.npy", array)
    return folder


def types(folder, rows):
    np.save(folder / "set.000/real_atom_types.npy", np.array(rows))


class TestDeepmdNpy:
    def test_a_folder_by_hand(self, tmp_path):
        virial = np.arange(18.0).reshape(2, 9)
        force = np.arange(18.0).reshape(2, 9)
        folder = system(tmp_path / "water", energy=np.array([[1.0], [2.0]]), force=force, virial=virial)
        x, y = files.read(folder)
        assert x.numbers.values.tolist() == [1, 8, 1] * 2
        assert x.pbc.all()
        np.testing.assert_array_equal(x.cell[1], 9 * np.eye(3))
        np.testing.assert_array_equal(y.values["energy"], [1, 2])
        np.testing.assert_array_equal(y.values["forces"].rows()[1][0], [9, 10, 11])
        np.testing.assert_array_equal(y.values["virial"][0], [[0, 1, 2], [3, 4, 5], [6, 7, 8]])

    def test_labels_that_are_missing_are_not_present(self, tmp_path):
        x, y = files.read(system(tmp_path / "water", energy=np.array([1.0, 2.0])))
        assert len(x) == len(y) == 2
        assert y.has("energy").all()
        assert not y.has("forces").any()
        assert not y.has("virial").any()

    def test_sets_and_systems_are_read_in_order_of_their_names(self, tmp_path):
        for name, energy in (("b", 2.0), ("a", 1.0)):
            folder = system(tmp_path / name, energy=np.full(2, energy))
            (folder / "set.000").rename(folder / "set.010")
            (folder / "set.002").mkdir()
            for file in ("coord", "box"):
                np.save(folder / "set.002" / f"{file}.npy", np.load(folder / "set.010" / f"{file}.npy")[:1])
            np.save(folder / "set.002" / "energy.npy", [energy / 10])
        _, y = files.read(tmp_path)
        np.testing.assert_allclose(y.values["energy"], [0.1, 1, 1, 0.2, 2, 2])

    def test_without_a_cell_nothing_is_periodic(self, tmp_path):
        folder = system(tmp_path / "gas")
        (folder / "set.000/box.npy").unlink()
        with pytest.raises(ValueError, match="nopbc"):
            files.read(folder)
        (folder / "nopbc").touch()
        x, _ = files.read(folder)
        assert not x.pbc.any()
        assert not x.cell.any()

    def test_a_mixed_system_has_elements_by_frame(self, tmp_path):
        folder = system(
            tmp_path / "m", real_atom_types=np.array([[0, 1, 1], [1, 1, -1]]), force=np.arange(18.0).reshape(2, 9)
        )
        (folder / "type.raw").write_text("0\n0\n0\n")
        x, y = files.read(folder)
        assert [row.tolist() for row in x.numbers.rows()] == [[8, 1, 1], [1, 1]]
        assert y.values["forces"].rows()[1].tolist() == [[9, 10, 11], [12, 13, 14]]

    def test_what_is_written_comes_back(self, labelled, tmp_path):
        x, y = labelled
        cells, answers = x[[0, 3, 0]], y[[0, 3, 0]]
        files.write(tmp_path / "systems", cells, answers)
        again, labels = files.read(tmp_path / "systems")
        assert sorted(fingerprints(again)) == sorted(fingerprints(cells))
        order = [0, 2, 1]  # grouped by their elements
        assert fingerprints(again) == [fingerprints(cells)[i] for i in order]
        np.testing.assert_array_equal(labels.values["virial"], answers.values["virial"][order])
        np.testing.assert_array_equal(labels.values["forces"].values, answers.values["forces"][order].values)
        assert labels.has("energy").tolist() == [True, True, False]

    def test_mixed_systems_hold_frames_of_different_elements(self, tmp_path):
        rng = np.random.default_rng(4)
        names = ("OHH", "HHO", "CuOO")
        cells = [AseAtoms(name, rng.normal(size=(3, 3)), cell=np.eye(3) * 5, pbc=True) for name in names]
        x = Structures.from_ase([*cells, AseAtoms("Cu", [[0, 0, 0.1]], cell=np.eye(3) * 3, pbc=True)])
        forces = rng.normal(size=(len(x.positions.values), 3))
        y = Properties.of(energy=rng.normal(size=4), forces=Ragged(forces, x.counts))
        files.write(tmp_path / "a.mixed", x, y)
        folders = sorted(path.name for path in (tmp_path / "a.mixed").iterdir())
        assert folders == ["system.000", "system.001"]
        store = tmp_path / "a.mixed/system.000"
        assert (store / "type_map.raw").read_text().split() == ["H", "O", "Cu"]
        assert (store / "type.raw").read_text().split() == ["0", "0", "0"]
        types = np.load(store / "set.000/real_atom_types.npy")
        assert types.dtype.kind == "i"
        assert types.tolist() == [[1, 0, 0], [0, 0, 1], [2, 1, 1]]
        assert np.load(store / "set.000/energy.npy").dtype == np.float64
        again, labels = files.read(tmp_path / "a.mixed")
        assert fingerprints(again) == fingerprints(x)
        np.testing.assert_array_equal(labels.values["energy"], y.values["energy"])
        np.testing.assert_array_equal(labels.values["forces"].values, forces)

    @pytest.mark.parametrize("mixed", [False, True])
    @pytest.mark.parametrize("periodic", [False, True])
    def test_every_digit_comes_back(self, tmp_path, mixed, periodic):
        """Energies of -59455 eV and virials, in float64; a rotated cell, or none."""
        rng = np.random.default_rng(6)
        cell = 7 * np.linalg.qr(rng.normal(size=(3, 3)))[0] + rng.normal(size=(3, 3))
        frames = [
            AseAtoms(names, 100 * rng.normal(size=(3, 3)), cell=cell if periodic else None, pbc=periodic)
            for names in ("OHH", "HHO", "OHH")
        ]
        x = Structures.from_ase(frames)
        forces = Ragged(rng.normal(size=(9, 3)), x.counts)
        y = Properties.of(energy=-59455 + rng.normal(size=3), forces=forces, virial=rng.normal(size=(3, 3, 3)))
        files.write(tmp_path / ("a.mixed" if mixed else "a"), x, y)
        again, labels = files.read(tmp_path / ("a.mixed" if mixed else "a"))
        order = [0, 1, 2] if mixed else [0, 2, 1]
        assert again.numbers.values.tolist() == x[order].numbers.values.tolist()
        assert again.pbc.all() == periodic
        for name in ("positions", "cell"):
            found, expected = (getattr(one, name) for one in (again, x[order]))
            np.testing.assert_array_equal(getattr(found, "values", found), getattr(expected, "values", expected))
        np.testing.assert_array_equal(labels.values["forces"].values, y.values["forces"][order].values)
        for name in ("energy", "virial"):
            np.testing.assert_array_equal(labels.values[name], y.values[name][order])
        for path in tmp_path.rglob("*.npy"):
            assert np.load(path).dtype == (np.int32 if path.stem == "real_atom_types" else np.float64)

    def test_charges_and_half_periodic_cells_have_no_place(self, labelled, tmp_path):
        x, y = labelled
        with pytest.raises(ValueError, match="charges"):
            deepmd_npy.write(tmp_path / "a", x[[1]], y[[1]])
        with pytest.raises(ValueError, match="in part"):
            deepmd_npy.write(tmp_path / "b", x[[2]], y[[2]])

    def test_pickles_are_not_opened(self, tmp_path):
        folder = system(tmp_path / "evil")
        np.save(folder / "set.000/energy.npy", np.array([{"a": 1}, {}], dtype=object), allow_pickle=True)
        with pytest.raises(ValueError, match=r"energy.npy cannot be read.*Python objects"):
            files.read(folder)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda f: (f / "type.raw").write_text("1 0"), "coord.npy has the shape (2, 9), and not (frames, 6)"),
            (lambda f: (f / "type.raw").write_text("1 0 2"), "integers 0 … 1"),
            (lambda f: (f / "type.raw").write_text("1 0 x"), "an integer per atom"),
            (lambda f: (f / "type_map.raw").write_text("O Hy"), "no element is called Hy"),
            (lambda f: (f / "type_map.raw").unlink(), "has no type_map.raw"),
            (lambda f: (f / "set.000/coord.npy").unlink(), "has no coord.npy"),
            (lambda f: (f / "set.000").rename(f / "sat.000"), "has no set.*"),
            (lambda f: np.save(f / "set.000/energy.npy", np.zeros(3)), "energy.npy has the shape (3,), and not (2, 1)"),
            (lambda f: (f / "set.000/force.npy").write_bytes(b"\x93NUMPY"), "force.npy cannot be read"),
            (lambda f: np.save(f / "set.000/coord.npy", np.full((2, 9), np.nan)), "not every number is finite"),
            (lambda f: (f / "type.raw").unlink(), "there is no type.raw"),
            (lambda f: types(f, [[0, 1, 2], [0, 1, 1]]), "type 2 is not in type_map.raw"),
            (lambda f: types(f, [[0, 1, -2], [0, 1, 1]]), "type -2 is not in type_map.raw"),
            (lambda f: types(f, [[0, 1, 0.5], [0, 1, 1]]), "type 0.5 is not in type_map.raw"),
            (lambda f: types(f, [[0, 1, 1], [-1, -1, -1]]), "a frame has no atoms"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path, change, says):
        folder = system(tmp_path / "water")
        change(folder)
        with pytest.raises(ValueError, match="water") as error:
            files.read(folder)
        assert says in str(error.value)


class TestCrystals:
    @pytest.mark.parametrize("name", ["cu.cif", "POSCAR", "cu.vasp"])
    def test_cif_and_poscar_are_structures_without_labels(self, tmp_path, name):
        atoms = bulk("Cu", cubic=True)
        ase.io.write(tmp_path / name, atoms, format="cif" if name.endswith("cif") else "vasp")
        x, y = files.read(tmp_path / name)
        assert x.numbers.values.tolist() == [29] * 4
        assert x.volume[0] == pytest.approx(3.61**3)
        assert not y.has("energy").any()

    def test_sites_occupied_in_part_are_refused(self, tmp_path):
        atoms = bulk("Cu", cubic=True)
        ase.io.write(tmp_path / "a.cif", atoms, format="cif")
        text = (tmp_path / "a.cif").read_text()
        (tmp_path / "a.cif").write_text(text.replace("1.0000\n", "0.5000\n"))
        assert (tmp_path / "a.cif").read_text() != text
        with pytest.raises(ValueError, match=r"occupied in part \(0.5\)"):
            files.read(tmp_path / "a.cif")

    @pytest.mark.parametrize("name", ["a.cif", "POSCAR"])
    def test_damage_is_an_error_that_names_the_file(self, tmp_path, name):
        (tmp_path / name).write_text("data_x\n_cell_length_a 3\n")
        with pytest.raises(ValueError, match=f"{name} cannot be read|{name} holds no atoms|{name}: positions"):
            files.read(tmp_path / name)

    def test_a_name_that_says_nothing_is_not_guessed_at(self, tmp_path):
        (tmp_path / "a.traj").write_text("Cu")
        with pytest.raises(ValueError, match=r"no format goes by this name.*extxyz"):
            files.read(tmp_path / "a.traj")

    def test_a_missing_file_says_where_it_was_looked_for(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ValueError, match=f"a.cif does not exist .looked in {tmp_path}"):
            files.read(tmp_path / "a.cif")

    def test_labels_are_written_in_formats_that_hold_them(self, labelled, tmp_path):
        with pytest.raises(ValueError, match="extxyz or deepmd/npy"):
            files.write(tmp_path / "a.cif", *labelled)


def test_evidence_that_some_frames_lack_is_blank(labelled, tmp_path):
    x, y = labelled
    files.write(tmp_path / "a.extxyz", x, y)
    files.write(tmp_path / "b.extxyz", replace(x, evidence={}), y)
    (tmp_path / "c.extxyz").write_text((tmp_path / "a.extxyz").read_text() + (tmp_path / "b.extxyz").read_text())
    again, _ = files.read(tmp_path / "c.extxyz")
    assert again.evidence["region"].tolist() == [*x.evidence["region"].tolist(), "", "", "", ""]
    assert again.evidence["trajectory"].tolist() == [3, -1, 0, 1, -1, -1, -1, -1]
    assert np.isnan(again.evidence["temperature"][4:]).all()
