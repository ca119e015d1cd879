"""Recordings to vectors: montage, windows, the values, and a store of what was computed."""
