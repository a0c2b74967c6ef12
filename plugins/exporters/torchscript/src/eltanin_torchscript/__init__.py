"""Models to TorchScript, which libtorch and PyTorch load without Eltanin."""

from eltanin_torchscript.exporter import TorchScript

__all__ = ["TorchScript"]
