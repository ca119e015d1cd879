import mne
import numpy as np
import pytest

from emotune.errors import InputError
from emotune.recordings.channels import CHANNELS, electrode_directions
from emotune.recordings.simulation.forward import SphericalHead, lead_field

HOMOGENEOUS = SphericalHead(radius_m=0.09, shells=(1.0,), conductivities_s_per_m=(0.33,))


@pytest.fixture
def dipoles():
    """Eight places between 0.3 and 0.8 of the radius, all around."""
    generator = np.random.default_rng(0)
    outwards = generator.normal(size=(8, 3))
    return outwards / np.linalg.norm(outwards, axis=1, keepdims=True) * generator.uniform(0.3, 0.8, (8, 1))


def closed_form(head, directions, place, moment):
    """Surface potential of a dipole in a homogeneous sphere, µV for nA·m: the gradient of Neumann's function."""
    radius, sigma = head.radius_m, head.conductivities_s_per_m[0]
    electrodes = radius * directions
    apart = electrodes - radius * place
    distance = np.linalg.norm(apart, axis=1, keepdims=True)
    inwards = (electrodes * apart).sum(axis=1, keepdims=True) + radius * distance
    per_moment = 2 * apart / distance**3 + (directions + apart / distance) / inwards
    return per_moment @ moment * 1e-3 / (4 * np.pi * sigma)


@pytest.mark.parametrize("moment", np.eye(3), ids="xyz")
def test_a_homogeneous_sphere_has_the_closed_form(dipoles, moment):
    directions = electrode_directions()
    fields = lead_field(HOMOGENEOUS, directions, dipoles) @ moment
    for place, field in zip(dipoles, fields.T, strict=True):
        expected = closed_form(HOMOGENEOUS, directions, place, moment)
        np.testing.assert_allclose(field, expected, atol=1e-3 * np.abs(expected).max())


def test_four_shells_agree_with_mne_within_1_percent(dipoles):
    head, directions = SphericalHead(), electrode_directions()
    cap = mne.channels.make_dig_montage(
        dict(zip(CHANNELS, head.radius_m * directions, strict=True)), coord_frame="head"
    )
    info = mne.create_info(list(CHANNELS), 128.0, "eeg").set_montage(cap)
    with mne.use_log_level("ERROR"):
        sphere = mne.make_sphere_model((0, 0, 0), head.radius_m, info=info)
        positions = {"rr": head.radius_m * dipoles, "nn": dipoles / np.linalg.norm(dipoles, axis=1, keepdims=True)}
        space = mne.setup_volume_source_space(pos=positions, sphere=sphere, sphere_units="m")
        forward = mne.make_forward_solution(info, None, space, sphere, meg=False, mindist=0)
    # MNE's in V for A·m, and both against the average of the electrodes.
    expected = forward["sol"]["data"].reshape(32, 8, 3) * 1e-3
    fields = lead_field(head, directions, dipoles)
    difference = (fields - fields.mean(axis=0)) - (expected - expected.mean(axis=0))
    assert np.abs(difference).max() < 0.01 * np.abs(expected).max()


def test_shells_of_one_conductivity_are_one_sphere(dipoles):
    shells = SphericalHead(0.09, (0.90, 0.92, 0.97, 1.0), (0.33,) * 4)
    directions = electrode_directions()
    np.testing.assert_allclose(
        lead_field(shells, directions, dipoles), lead_field(HOMOGENEOUS, directions, dipoles), rtol=1e-9, atol=1e-12
    )


def test_a_better_conducting_skull_lets_more_through(dipoles):
    good, usual = SphericalHead(conductivities_s_per_m=(0.33, 1.0, 0.016, 0.33)), SphericalHead()
    through_good, through_usual = (np.abs(lead_field(head, electrode_directions(), dipoles)) for head in (good, usual))
    assert through_good.sum() > 1.1 * through_usual.sum()


@pytest.mark.parametrize("place", [[0.0, 0.0, 0.95], [0.0, 0.0, 0.0]], ids=["in the skull", "centre"])
def test_a_dipole_outside_the_brain_is_refused(place):
    with pytest.raises(InputError, match=r"between 0 and 0\.9 of the head's radius.*Received: 0.*Move them"):
        lead_field(SphericalHead(), electrode_directions(), np.array([place]))
