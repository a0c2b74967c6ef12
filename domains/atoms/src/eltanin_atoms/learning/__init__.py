"""What every neural model of atoms shares: descent, batches, and parameters as arrays."""
