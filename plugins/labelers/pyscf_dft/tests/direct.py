"""PySCF, called by hand: shares no code with the plugin, and answers in hartree and bohr as PySCF does.

Run as a function of a JSON request on its own: `python direct.py REQUEST` prints energy, gradient and dipole.
"""

from __future__ import annotations

import json
import sys


def calculate(symbols, positions, method, basis, xc="", grid=3, charge=0, spin=0, response=True, disp=None):
    """Return energy (hartree), gradient (hartree/bohr) and dipole (debye); positions in Å."""
    from pyscf import dft, gto, mp, scf

    atoms = "; ".join(f"{s} {x:.15g} {y:.15g} {z:.15g}" for s, (x, y, z) in zip(symbols, positions, strict=True))
    mol = gto.M(atom=atoms, basis=basis, ecp=basis if "def2" in basis else None, charge=charge, spin=spin, verbose=0)
    if xc:
        mf = (dft.RKS if method == "R" else dft.UKS)(mol)
        mf.xc, mf.grids.level = xc, grid
    else:
        mf = (scf.RHF if method in ("R", "MP2") else scf.UHF)(mol)
    mf.disp = disp
    mf.conv_tol = 1e-12
    mf.kernel()
    top = mp.MP2(mf).run() if method == "MP2" else mf
    gradient = top.nuc_grad_method()
    if xc:
        gradient.grid_response = response
    return float(top.e_tot), gradient.kernel().tolist(), mf.dip_moment(unit="Debye", verbose=0).tolist()


if __name__ == "__main__":
    print(json.dumps(calculate(**json.loads(sys.argv[1]))))
