"""DEAP's prepared files as MATLAB wrote them."""

from writers import deap


def write(folder, n_people=2, seconds=2.0):
    """`data_preprocessed_matlab`."""
    return deap.write(folder, n_people, seconds, kind="mat")


DAMAGES = deap.damages("mat")
