"""Structures and labelled data that are broken, in the ways that files are."""

import os
import pickle
from functools import partial

import numpy as np
from bad_case import Case

from eltanin_atoms import extxyz

FILES = "ATOMS system=structure_files system.paths=[x.extxyz]"
HEAD = 'Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3'
WHOLE = f"2\n{HEAD} energy=-1.0\nAr 0 0 0\nAr 2 2 2\n"
POOL = "run experiment=labelled_pool data=data 'explorer.parts=[a]' 'labeler.parts=[a]' validation=null"


def text(content, name="x.extxyz"):
    """Return what writes a file."""
    return lambda here: (here / name).write_bytes(content.encode())


def cut_by_a_frame(here):
    """Write two frames as the program does, and take the second away."""
    text(WHOLE * 2, "whole.extxyz")(here)
    extxyz.write(here / "x.extxyz", *extxyz.read(here / "whole.extxyz"))
    lines = (here / "x.extxyz").read_text().splitlines(keepends=True)
    (here / "x.extxyz").write_text("".join(lines[: len(lines) // 2]))


def npy(here, lacking="", **changed):
    """Write a folder of deepmd/npy, with something changed or left out."""
    folder = here / "data" / "a" / "set.000"
    folder.mkdir(parents=True)
    (folder.parent / "type.raw").write_text("0\n0\n")
    (folder.parent / "type_map.raw").write_text("O\n")
    arrays = {"coord": np.ones((3, 6)), "box": np.ones((3, 9)), "energy": np.ones(3), "force": np.ones((3, 6))}
    for name, array in (arrays | changed).items():
        np.save(folder / f"{name}.npy", array, allow_pickle=True)
    for path in (folder / lacking, folder.parent / lacking):
        if lacking and path.exists():
            path.unlink()


def pickled(path):
    """Return what puts a pickle in the place of a file."""

    def given(here):
        npy(here)
        (here / path).write_bytes(pickle.dumps({"forces": [1.0]}))

    return given


XYZ = [
    Case("file that is not there", FILES, ("x.extxyz does not exist", "correct the path")),
    Case("empty file", FILES, ("x.extxyz is empty",), given=text("")),
    Case(
        "file without a suffix that is known",
        "ATOMS system=structure_files system.paths=[x.pdb]",
        ("no format goes by this name", "Rename or convert"),
        given=text(WHOLE, "x.pdb"),
    ),
    Case(
        "pipe in the place of a file",
        FILES,
        ("neither a file nor a folder",),
        given=lambda here: os.mkfifo(here / "x.extxyz"),
    ),
    Case("file cut in the last line", FILES, ("ends within a line", "end it with a newline"), given=text(WHOLE[:-3])),
    Case("file cut at a line", FILES, ("2 atoms announced, 1 found", "was it cut?"), given=text(WHOLE[:-9])),
    Case("sealed file cut by a frame", FILES, ("of 2 frames", "was it cut?"), given=cut_by_a_frame),
    Case(
        "file of a newer frame count", FILES, ("line 1", "should be a number of atoms"), given=text("two\n\nAr 0 0 0\n")
    ),
    Case("more atoms than lines", FILES, ("99 atoms announced, 2 found",), given=text("99" + WHOLE[1:])),
    Case("fewer atoms than lines", FILES, ("line 4", "should be a number of atoms"), given=text("1" + WHOLE[1:])),
    Case("negative number of atoms", FILES, ("-1 is not a number of atoms",), given=text("-1" + WHOLE[1:])),
    Case(
        "position NaN", FILES, ("line 2: pos of atom 1 is not finite",), given=text(WHOLE.replace("2 2 2", "2 nan 2"))
    ),
    Case(
        "decimal commas", FILES, ("line 4", "'2,5'", "written as in 1.5"), given=text(WHOLE.replace("2 2 2", "2,5 2 2"))
    ),
    Case(
        "missing Properties", FILES, ("7 columns, but Properties says 4",), given=text("1\nenergy=1\nAr 0 0 0 1 1 1\n")
    ),
    Case("duplicated column", FILES, ("each name once",), given=text(f"1\n{HEAD}:pos:R:3\nAr 0 0 0 0 0 0\n")),
    Case(
        "duplicated key",
        FILES,
        ("energy is given more than once", "leave all but one out"),
        given=text(WHOLE.replace("energy=-1.0", "energy=1 energy=2")),
    ),
    Case(
        "energy that is no number", FILES, ("energy='low' is not a number",), given=text(WHOLE.replace("-1.0", "low"))
    ),
    Case("energy NaN", FILES, ("energy=nan is not finite", "leave out"), given=text(WHOLE.replace("-1.0", "nan"))),
    Case(
        "lattice of six numbers",
        FILES,
        ("line 2: Got info item Lattice", "9-long numerical vector"),
        given=text(WHOLE.replace(' 0 0 0 5"', '"')),
    ),
    Case(
        "virial of one number",
        FILES,
        ("line 2: Got info item virial", "9-long numerical vector"),
        given=text(WHOLE.replace("energy", "virial")),
    ),
    Case("unknown element in a file", FILES, ("no element is called Qq",), given=text(WHOLE.replace("Ar", "Qq"))),
    Case("placeholder for an element", FILES, ("X is no element",), given=text(WHOLE.replace("Ar", "X"))),
    Case("no elements", FILES, ("there are no elements", "species:S:1"), given=text("1\nProperties=pos:R:3\n0 0 0\n")),
    Case(
        "key line without end",
        FILES,
        ("line 2: a key line of", "at most 65536"),
        given=text(f'1\n{HEAD} key="{"[" * 100000}"\nAr 0 0 0\n'),
    ),
    Case(
        "binary file by the name of text",
        FILES,
        ("is not text", "damaged"),
        given=lambda here: (here / "x.extxyz").write_bytes(bytes(range(256))),
    ),
    Case(
        "pickle by the name of text",
        FILES,
        ("x.extxyz",),
        given=lambda here: (here / "x.extxyz").write_bytes(pickle.dumps({"x": 1})),
    ),
    Case(
        "pickle by the name of a crystal",
        "ATOMS system=structure_files system.paths=[x.cif]",
        ("x.cif cannot be read as cif", "Mend it"),
        given=lambda here: (here / "x.cif").write_bytes(pickle.dumps({})),
    ),
]
NPY = [
    Case(
        "folder without data",
        POOL,
        ("a is no deepmd/npy data", "no type.raw"),
        given=lambda here: (here / "data" / "a").mkdir(parents=True),
    ),
    Case(
        "part of the data that is not there",
        POOL,
        ("nothing in data=data is called 'a'", "there is: b"),
        given=lambda here: (here / "data" / "b").mkdir(parents=True),
    ),
    Case(
        "data without elements",
        POOL,
        ("has no type_map.raw", "write its elements"),
        given=partial(npy, lacking="type_map.raw"),
    ),
    Case("data without positions", POOL, ("has no coord.npy",), given=partial(npy, lacking="coord.npy")),
    Case("data without a cell", POOL, ("has no box.npy", "nopbc"), given=partial(npy, lacking="box.npy")),
    Case(
        "energies of other frames",
        POOL,
        ("energy.npy has the shape (2,)", "not (3, 1)"),
        given=partial(npy, energy=np.ones(2)),
    ),
    Case(
        "forces of other atoms",
        POOL,
        ("force.npy has the shape (3, 9)", "not (3, 6)"),
        given=partial(npy, force=np.ones((3, 9))),
    ),
    Case(
        "forces NaN",
        POOL,
        ("force.npy: not every number is finite",),
        given=partial(npy, force=np.full((3, 6), np.nan)),
    ),
    Case(
        "words for energies",
        POOL,
        ("energy.npy holds <U1, and not numbers",),
        given=partial(npy, energy=np.array(["a", "b", "c"])),
    ),
    Case(
        "Python objects for energies",
        POOL,
        ("energy.npy cannot be read", "Python objects"),
        given=partial(npy, energy=np.array([{}, {}, {}], dtype=object)),
    ),
    Case("pickle for an array", POOL, ("force.npy cannot be read",), given=pickled("data/a/set.000/force.npy")),
]
CASES = [*XYZ, *NPY]
