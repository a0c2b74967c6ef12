"""Classical closures of a monatomic gas, to be compared with learned ones."""
