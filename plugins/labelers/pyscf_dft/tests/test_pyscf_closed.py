"""PySCF executes what lies around, and evaluates strings: not here."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from eltanin_atoms.conformance.labelers import energies
from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import PyscfMolecule
from eltanin_pyscf_dft.basis import files_of, shells
from eltanin_pyscf_dft.closed import EVALUATING, pyscf

LABEL = """
import numpy as np
from ase import Atoms
from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import PyscfMolecule
x = Structures.from_ase([Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])])
labeler = PyscfMolecule(basis="sto-3g", grid=1)
labeler.check(x)
labels = labeler.label(x, frozenset({"energy", "forces"}), None)
print(repr(labels.values.values["energy"][0]), labels.failures)
"""


def run(code, folder, **environment):
    known = {k: v for k, v in os.environ.items() if not k.startswith("PYSCF")}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**known, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def trap(tmp_path):
    """Return a folder full of what PySCF would execute, open or evaluate, each of which leaves a mark."""
    mark = f"open({str(tmp_path / 'mark')!r}, 'a').close()"
    (tmp_path / ".pyscf_conf.py").write_text(mark)
    (tmp_path / "given.py").write_text(mark)
    evil = f"H    S\n      3.42525091             {mark.replace(' ', '')}\nEND\n"
    for name in ("sto-3g", "sto3g", "STO-3G", "pbe", "H"):
        (tmp_path / name).write_text(evil)
    return tmp_path


def test_what_lies_in_the_folder_or_the_home_is_neither_executed_nor_read(trap, tmp_path_factory):
    apart = run(LABEL, tmp_path_factory.mktemp("empty"))
    amid = run(LABEL, trap, HOME=str(trap), PYSCF_CONFIG_FILE=str(trap / "given.py"), PYSCF_ARGPARSE="1")
    assert apart.returncode == amid.returncode == 0, amid.stderr
    assert amid.stdout == apart.stdout
    assert apart.stdout.endswith("{}\n")
    assert not (trap / "mark").exists()


def test_the_trap_is_one(trap):
    """PySCF on its own falls into it."""
    run("import pyscf", trap)
    assert (trap / "mark").exists()


def test_a_pyscf_that_has_executed_other_settings_is_refused(trap):
    told = run("import pyscf, eltanin_pyscf_dft", trap)
    assert told.returncode
    assert "ImportError: PySCF was imported before" in told.stderr


def test_a_pyscf_that_was_imported_without_settings_is_closed_too(tmp_path):
    code = "import pyscf, eltanin_pyscf_dft; print(pyscf.gto.mole.DISABLE_EVAL)"
    assert run(code, tmp_path, HOME=str(tmp_path)).stdout == "True\n"


HOSTILE = "__import__('os').system('touch mark')"


@pytest.mark.parametrize(
    "settings",
    [
        {"basis": f"H S\n 1.0 {HOSTILE}\n"},
        {"basis": f"#BASIS SET\nH S\n 1.0 {HOSTILE}\nEND"},
        {"basis": HOSTILE},
        {"basis": "/etc/passwd"},
        {"basis": "../../x"},
        {"basis": "sto-3g\0"},
        {"basis": "unc-sto-3g"},
        {"basis": "minao"},
        {"basis": "6-31g(((("},
        {"density_fit": HOSTILE},
        {"xc": HOSTILE},
        {"xc": "pbe\n"},
        {"xc": "RSH(" + HOSTILE + ")"},
        {"xc": "{}".format("pbe," * 100)},
        {"dispersion": HOSTILE},
        {"method": HOSTILE},
        {"ladder": [HOSTILE]},
    ],
)
def test_hostile_strings_are_refused_and_nothing_is_evaluated(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"basis|xc|dispersion|method|ladder"):
        PyscfMolecule(**settings)
    assert not list(tmp_path.iterdir())


def test_eval_is_closed_in_every_parser_of_pyscf(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert all(vars(sys.modules[name])["DISABLE_EVAL"] for name in EVALUATING)
    with pytest.raises(ValueError, match="Failed to parse geometry"):
        pyscf.gto.format_atom(f"H 0 0 {HOSTILE}")
    with pytest.raises((ValueError, pyscf.lib.exceptions.BasisNotFoundError)):
        pyscf.gto.basis.parse(f"H    S\n   1.0   {HOSTILE}\n", "H")
    assert not list(tmp_path.iterdir())


def test_labels_leave_no_file_behind_and_atoms_are_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened = []
    sys.addaudithook(lambda event, args: opened.append(args) if tracing and event in ("exec", "os.system") else None)
    x = Structures.one(np.array([1, 1]), np.array([[0, 0, 0], [0, 0, 0.74]]), np.zeros((3, 3)), np.zeros(3, dtype=bool))
    tracing = False
    energies(PyscfMolecule(basis="6-31g", grid=1), x)  # what is imported late is executed, too, and is no string
    tracing = True
    energies(PyscfMolecule(basis="sto-3g", grid=1), x)
    tracing = False
    assert not list(tmp_path.iterdir())
    assert not [args for args in opened if "pyscf" in str(args)]


def test_names_of_bases_are_spelled_as_people_do():
    assert files_of("def2-SVP") == files_of("def2svp") == files_of("DEF2_SVP")
    assert shells("6-31G*", "O") == shells("6-31g(d)", "O") != shells("6-31G", "O")
    assert shells("6-31G**", "H") != shells("6-31G*", "H")
