"""Hartree–Fock orbitals of a molecule, by PySCF: an optional extra, imported where it is asked for.

PySCF executes settings that lie in the present or the home folder, takes names for files, and evaluates strings: here
it is imported with settings of our own, atoms are numbers, and a basis is a name of its own tables.
"""

from __future__ import annotations

import importlib
import os
import sys
from functools import cache
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from eltanin_walkers.systems.geometry import SYMBOLS
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction.gaussians import Basis

SETTINGS = Path(__file__).with_name("pyscf_settings.txt")
BASES = ("sto-3g", "6-31g", "cc-pvdz", "cc-pvtz", "cc-pvqz", "aug-cc-pvdz", "aug-cc-pvtz")
SPHERE = (np.sqrt(1 / (4 * np.pi)), np.sqrt(3 / (4 * np.pi)))  # of s and p functions, which libcint leaves to others


class Orbitals(NamedTuple):
    """basis: the functions.  up, down: coefficients (functions, electrons of the spin).  energy: hartree."""

    basis: Basis
    up: Tensor
    down: Tensor
    energy: float


def check_basis(name: str) -> None:
    """Refuse a basis that is not among those that are offered."""
    if name not in BASES:
        raise ValueError(f"basis={name}: give one of {', '.join(BASES)}")


@cache
def solved(system: Molecule, basis: str) -> Orbitals:
    """Return the occupied orbitals: restricted where all electrons are paired, unrestricted otherwise."""
    mol = molecule_of(system, basis)
    scf = closed().scf
    field: Any = (scf.RHF if mol.spin == 0 else scf.UHF)(mol)
    field.conv_tol, field.chkfile, field.init_guess = 1e-11, None, "minao"
    field.kernel()
    if not field.converged:
        raise ValueError(
            f"Hartree-Fock of system.atoms='{system.atoms}' in {basis} does not converge: take another basis, or a"
            " geometry nearer to equilibrium"
        )
    coefficients = np.broadcast_to(field.mo_coeff, (2, *np.shape(field.mo_coeff)[-2:]))
    occupied = np.broadcast_to(field.mo_occ, (2, mol.nao)) > 0 if mol.spin else np.array([field.mo_occ > 0] * 2)
    up, down = (torch.as_tensor(c[:, o].copy()) for c, o in zip(coefficients, occupied, strict=True))
    return Orbitals(basis_of(mol), up, down, float(field.e_tot))


def molecule_of(system: Molecule, basis: str) -> Any:
    """Return PySCF's `Mole` of a molecule."""
    check_basis(basis)
    pyscf = closed()
    tables: Any = pyscf.gto.basis
    symbols = [SYMBOLS[z - 1] for z in system.geometry.charges]
    mol: Any = pyscf.gto.Mole()
    mol.atom = list(zip(symbols, system.geometry.positions.tolist(), strict=True))
    mol.unit, mol.symmetry, mol.verbose = "Bohr", False, 0
    mol.basis = {symbol: _shells(tables, basis, symbol) for symbol in sorted(set(symbols))}
    up, down = system.spins
    mol.charge, mol.spin = system.charge, up - down
    mol.build(dump_input=False, parse_arg=False)
    return mol


def basis_of(mol: Any) -> Basis:
    """Return the tables of a molecule's basis, in PySCF's order of functions."""
    atoms, exponents, columns, centres, radial, monomials = [], [], [], [], [], []
    for shell in range(mol.nbas):
        nucleus, order = mol.bas_atom(shell), mol.bas_angular(shell)
        weights = mol._libcint_ctr_coeff(shell) * (SPHERE[order] if order < 2 else 1.0)
        exponents += mol.bas_exp(shell).tolist()
        atoms += [nucleus] * len(weights)
        for column in weights.T:
            axes = list(combinations_with_replacement(range(3), order))  # xx xy xz yy yz zz, as libcint has them
            monomials += axes
            centres += [nucleus] * len(axes)
            radial += [len(columns)] * len(axes)
            columns.append((len(exponents) - len(weights), column))
    contraction = np.zeros((len(exponents), len(columns)))
    for part, (first, column) in enumerate(columns):
        contraction[first : first + len(column), part] = column
    deepest = max(map(len, monomials))
    filled = [[*axes, *[3] * (deepest - len(axes))] for axes in monomials]
    return Basis(
        nuclei=torch.as_tensor(mol.atom_coords()),
        atoms=torch.tensor(atoms),
        exponents=torch.tensor(exponents, dtype=torch.float64),
        contraction=torch.as_tensor(contraction),
        axes=torch.tensor(filled, dtype=torch.int64).reshape(len(monomials), deepest),
        centres=torch.tensor(centres),
        radial=torch.tensor(radial),
        spherical=torch.as_tensor(mol.cart2sph_coeff(normalized="sp")),
    )


def _shells(tables: Any, name: str, symbol: str) -> Any:
    """Return a basis of an element, from the table in PySCF's own folder."""
    plain = name.replace("-", "")
    found = tables.ALIAS.get(plain) or tables._parse_pople_basis(plain, symbol)
    files = (found,) if isinstance(found, str) else tuple(found)
    folder = Path(tables.__file__).parent
    return [shell for file in files for shell in tables.parse_nwchem.load(str(folder / file), symbol)]


@cache
def closed() -> Any:
    """Import PySCF with our settings; refuse one that was imported with somebody else's."""
    before = os.environ.get("PYSCF_CONFIG_FILE")
    os.environ["PYSCF_CONFIG_FILE"] = str(SETTINGS)
    try:
        package: Any = importlib.import_module("pyscf")
        importlib.import_module("pyscf.scf")
    except ImportError as error:
        raise ValueError(
            "Hartree-Fock orbitals are PySCF's, which is not installed: pip install eltanin-wavefunction[hartree_fock]"
        ) from error
    finally:
        os.environ.pop("PYSCF_CONFIG_FILE")
        if before is not None:
            os.environ["PYSCF_CONFIG_FILE"] = before
    executed = sys.modules["pyscf.__config__"].__dict__.get("conf_file")
    if executed is not None and Path(executed).read_bytes() != SETTINGS.read_bytes():
        raise ValueError(
            f"PySCF was imported before, and has executed {executed}: its settings bear on orbitals. Remove that file,"
            " or import eltanin_wavefunction.hartree_fock first"
        )
    return package
