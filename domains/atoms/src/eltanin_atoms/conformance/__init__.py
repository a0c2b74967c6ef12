"""Conformance: what makes labelers and potentials trustworthy, as suites that tests inherit."""
