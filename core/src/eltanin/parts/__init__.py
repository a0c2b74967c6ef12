"""What a part is: its settings, how it is built from them, what its source says of it."""
