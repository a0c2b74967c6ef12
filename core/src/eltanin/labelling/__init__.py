"""How the loop asks labelers: what is known is looked up, what is new is made, judged and kept."""
