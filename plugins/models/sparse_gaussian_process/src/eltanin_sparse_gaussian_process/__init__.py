"""Sparse Gaussian process potentials: SOAP power spectra, inducing points, and a variance of their own."""

from eltanin_sparse_gaussian_process.model import SparseGaussianProcess

__all__ = ["SparseGaussianProcess"]
