"""A learned closure of six moments, exact in its symmetries and limits."""
