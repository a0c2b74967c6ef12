"""The local frame: coordinates of sorted neighbours along axes that two of them give."""

from eltanin_local_frame.descriptor import LocalFrame

__all__ = ["LocalFrame"]
