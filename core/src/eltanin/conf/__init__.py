"""Where Hydra reads: `config.yaml` first, then parts and presets; and what its errors mean."""
