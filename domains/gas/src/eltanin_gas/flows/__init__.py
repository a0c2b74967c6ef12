"""Moment systems on a grid: what a system must tell, the scheme, and the march in time (torch, float64)."""
