"""Grid points in blocks of one size."""

from __future__ import annotations

from typing import Any

from eltanin_pyscf_dft.closed import pyscf

numint: Any = pyscf.dft.numint

POINTS = 200 * numint.BLKSIZE  # 11 200; a block of 200 basis functions with second derivatives takes 0.2 GB


class Blocks(numint.NumInt):
    """PySCF's numerical integration, which else makes its blocks as large as the free memory allows.

    The order of a sum, and so the last bits of a label, would depend on what the process did before.
    """

    def block_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Yield the points block by block."""
        kwargs["blksize"] = POINTS
        return super().block_loop(*args, **kwargs)
