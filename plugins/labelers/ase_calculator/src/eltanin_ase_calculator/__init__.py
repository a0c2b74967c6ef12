"""Labels from calculators that ASE knows by name."""

from eltanin_ase_calculator.labeler import AseCalculator

__all__ = ["AseCalculator"]
