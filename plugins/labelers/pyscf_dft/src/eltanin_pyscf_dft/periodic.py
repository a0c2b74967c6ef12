"""PySCF's part for crystals, imported after `closed` has closed the rest."""

from __future__ import annotations

import importlib
from typing import Any

from eltanin_pyscf_dft.closed import pyscf

for _name in ("gto", "tools", "dft.numint", "dft.krks", "grad.krks", "grad.krks_stress", "scf.addons"):
    importlib.import_module(f"pyscf.pbc.{_name}")

pbc: Any = pyscf.pbc
