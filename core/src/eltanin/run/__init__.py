"""A run: driven in its folder, told round by round, published at its end."""
