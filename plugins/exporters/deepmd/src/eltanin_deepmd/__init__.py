"""Models to DeePMD-kit and back, by its native files ``*.dp``."""

from eltanin_deepmd.exporter import Deepmd

__all__ = ["Deepmd"]
