"""Data: recordings or tables to a `Dataset`, the one thing that is split, scaled and learned from.

Import from the modules: `sources` (any kind of data by name), `tables` (an NPZ), `scaling` and `dataset`.
"""
