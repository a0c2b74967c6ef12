"""A package whose front door hands on what is defined elsewhere."""

from toy_parts import Square as Again

__all__ = ["Again"]
