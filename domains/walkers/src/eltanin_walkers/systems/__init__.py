"""What walks: the components of the group `system`."""
