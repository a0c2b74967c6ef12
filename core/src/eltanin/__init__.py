"""Eltanin: expensive micro-scale models into fast, reliable macro-scale models."""
