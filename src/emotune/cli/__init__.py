"""The commands, and the constants that they go by."""
