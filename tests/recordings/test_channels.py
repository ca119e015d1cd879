import mne
import numpy as np
import pytest

from emotune.recordings.channels import CHANNELS, electrode_directions


@pytest.fixture(scope="module")
def measured_directions():
    """To the 10-05 places on a real head (MNE's), from the centre of the sphere that fits them best."""
    positions = mne.channels.make_standard_montage("colin27_1005").get_positions()["ch_pos"]
    places = np.array([positions[name] for name in CHANNELS])
    # |p - c|² = r² is linear in c and r² - |c|².
    solution = np.linalg.lstsq(np.column_stack([2 * places, np.ones(32)]), (places**2).sum(axis=1), rcond=None)[0]
    from_centre = places - solution[:3]
    return from_centre / np.linalg.norm(from_centre, axis=1, keepdims=True)


def test_there_are_32_names_in_the_geneva_order():
    assert len(set(CHANNELS)) == len(CHANNELS) == 32
    assert [CHANNELS.index(name) for name in ("Fp1", "Oz", "Pz", "Fp2", "Fz", "Cz", "O2")] == [
        0,
        14,
        15,
        16,
        18,
        23,
        31,
    ]


def test_directions_are_unit_vectors():
    np.testing.assert_allclose(np.linalg.norm(electrode_directions(), axis=1), 1.0)


def test_directions_are_those_of_a_real_cap_within_10_degrees(measured_directions):
    cosines = (electrode_directions() * measured_directions).sum(axis=1)
    assert np.degrees(np.arccos(cosines)).max() < 10


def test_the_two_halves_mirror_each_other():
    pairs = [("Fp1", "Fp2"), ("F7", "F8"), ("T7", "T8"), ("CP5", "CP6"), ("PO3", "PO4"), ("O1", "O2")]
    left, right = (electrode_directions(side) for side in zip(*pairs, strict=True))
    np.testing.assert_allclose(left, right * [-1, 1, 1], atol=1e-12)
