"""Recordings: samples in microvolts with their person, trial and label, read from files or simulated.

Import from the modules: `recording` (the nouns), `reading` (one file), `manifest` (a table of files), `quality`
(checks of the samples) and `simulator`.
"""
