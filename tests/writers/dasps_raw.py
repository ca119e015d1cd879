"""DASPS's files as its raw ones are called: like those of DEAP."""

from writers import dasps


def write(folder, n_people=2, seconds=2.0):
    """`S01.mat` and so on."""
    return dasps.write(folder, n_people, seconds, ending="")


# As MATLAB files of DEAP's name they are DASPS's only while they are HDF5.
DAMAGES = {name: dasps.DAMAGES[name] for name in ("cut in half", "wrong key", "wrong shape", "missing labels")}
