"""The walkers domain: variational Monte Carlo in the loop."""
