"""Conformance: what makes labelers, potentials and models of tensors trustworthy, as suites that tests inherit."""
