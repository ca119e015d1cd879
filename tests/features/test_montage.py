"""Caps onto layouts: names, order, interpolation against MNE, reference, small caps."""

import os
import subprocess
import sys
from pathlib import Path

import mne
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emotune
from emotune.errors import InputError
from emotune.features.layout import BANDS_HZ, CHANNELS, STANDARD
from emotune.features.montage import checked_channels, fit_montage, normalise_name

EEGMAT = (
    "EEG Fp1,EEG Fp2,EEG F3,EEG F4,EEG F7,EEG F8,EEG T3,EEG T4,EEG C3,EEG C4,EEG T5,EEG T6,EEG P3,EEG P4,"
    "EEG O1,EEG O2,EEG Fz,EEG Cz,EEG Pz,EEG A2-A1,ECG ECG"
).split(",")
EMOTIV = "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split()
MUSE = "TP9 AF7 AF8 TP10".split()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EEG Fp1", "Fp1"),
        ("FP1", "Fp1"),
        ("fp1", "Fp1"),
        ("  Fp1 ", "Fp1"),
        ("Fp1.", "Fp1"),
        ("Fc5.", "FC5"),
        ("Cz..", "Cz"),
        ("FZ", "Fz"),
        ("POZ", "POz"),
        ("AFP3H", "AFp3h"),
        ("EEG Fpz-REF", "Fpz"),
        ("EEG Fpz-Ref", "Fpz"),
        ("Fp1-LE", "Fp1"),
        ("EEG FP1-LE", "Fp1"),
        ("Fp1 - AVG", "Fp1"),
        ("C3-A2", "C3"),
        ("C3-A1A2", "C3"),
        ("F4-M1", "F4"),
        ("EEG.AF3", "AF3"),
        ("RAW_TP9", "TP9"),
        ("T3", "T7"),
        ("T4", "T8"),
        ("EEG T5-REF", "P7"),
        ("t6", "P8"),
        ("T7", "T7"),
    ],
)
def test_names_are_normalised(name, expected):
    assert normalise_name(name) == expected


@pytest.mark.parametrize(
    "name", ["Fp1-F7", "C3-Cz", "ECG", "EEG 001", "E12", "CB1", "Status", "EEG", "", "EEG A2-A1", "A1"]
)
def test_what_is_no_position_is_not_taken_for_one(name):
    assert normalise_name(name) not in mne.channels.make_standard_montage("colin27_1020").ch_names[:-6]
    with pytest.raises(InputError):
        fit_montage([name])


def test_every_scalp_position_of_mne_survives_decoration():
    names = set(mne.channels.make_standard_montage("colin27_1005").ch_names) - set("T3 T4 T5 T6".split())
    assert {normalise_name(f"EEG {name.upper()}-REF") for name in names} == names


def test_the_order_is_deaps():
    assert len(CHANNELS) == 32
    assert (CHANNELS.index("Fz"), CHANNELS.index("Cz")) == (18, 23)
    assert CHANNELS[:4] == ("Fp1", "AF3", "F3", "F7")
    assert set(CHANNELS) == set(mne.channels.make_standard_montage("biosemi32").ch_names)


def test_a_complete_cap_is_selected_and_sorted():
    names = [*reversed(CHANNELS), "EXG1", "FCz"]
    montage = fit_montage(names, reference="none")
    assert montage.layout == STANDARD
    assert (montage.interpolated, montage.dropped) == ((), ("EXG1", "FCz"))
    signal = np.random.default_rng(0).standard_normal((34, 50)).astype(np.float32)
    np.testing.assert_array_equal(montage.matrix @ signal, signal[31::-1])


@pytest.mark.parametrize("names", [EEGMAT, EMOTIV, [*EEGMAT, "AF7", "POz", "FT10"]], ids=["10-20", "emotiv", "extras"])
def test_interpolation_is_mnes_own(names):
    signal = np.random.default_rng(1).standard_normal((len(names), 60)).astype(np.float32)
    montage = fit_montage(names, reference="none")
    ours = montage.matrix @ signal

    known = [name for name in map(normalise_name, names) if name not in ("A2", "ECG ECG")]
    channels = [*known, *(name for name in CHANNELS if name not in known)]
    data = np.zeros((len(channels), 60))
    data[: len(known)] = signal[[i for i, name in enumerate(names) if "A2" not in name and "ECG" not in name]]
    raw = mne.io.RawArray(data, mne.create_info(channels, 100.0, "eeg"), verbose="error")
    raw.set_montage("colin27_1005")
    raw.info["bads"] = channels[len(known) :]
    raw.interpolate_bads(verbose="error")
    np.testing.assert_allclose(ours, raw.get_data(picks=list(CHANNELS)), atol=1e-5)
    assert set(montage.interpolated) == set(channels[len(known) :])


def test_missing_channels_are_named_in_the_layouts_order():
    montage = fit_montage(EEGMAT)
    assert montage.interpolated == tuple("AF3 FC5 FC1 CP5 CP1 PO3 Oz AF4 FC6 FC2 CP6 CP2 PO4".split())
    assert montage.dropped == ("EEG A2-A1", "ECG ECG")


def test_an_interpolated_channel_is_close_to_a_smooth_field():
    places = mne.channels.make_standard_montage("colin27_1005").get_positions()["ch_pos"]
    field = {name: 50 * places[name][0] + 80 * places[name][1] for name in CHANNELS}
    names = [name for name in CHANNELS if name not in ("FC1", "CP6", "Oz")]
    estimated = fit_montage(names, reference="none").matrix @ np.array([field[name] for name in names])
    np.testing.assert_allclose(estimated, list(field.values()), atol=0.12 * max(field.values()))


def test_known_extra_channels_improve_the_estimate():
    without = fit_montage(EEGMAT).matrix
    withs = fit_montage([*EEGMAT, "POz"]).matrix
    assert np.abs(withs[CHANNELS.index("Oz"), -1]) > 0.05
    assert without.shape[1] + 1 == withs.shape[1]


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(len(EEGMAT))))
def test_the_order_of_the_file_does_not_matter(order):
    signal = np.random.default_rng(2).standard_normal((len(EEGMAT), 20)).astype(np.float32)
    straight = fit_montage(EEGMAT).matrix @ signal
    permuted = fit_montage([EEGMAT[i] for i in order]).matrix @ signal[list(order)]
    np.testing.assert_allclose(permuted, straight, atol=1e-6)


@pytest.mark.parametrize("names", [EEGMAT, EMOTIV, MUSE, CHANNELS], ids=["10-20", "emotiv", "muse", "32"])
def test_an_average_reference_forgets_the_recorded_one(names):
    rng = np.random.default_rng(3)
    montage = fit_montage(names)
    signal = rng.standard_normal((len(names), 40)).astype(np.float32)
    other = signal - rng.standard_normal(40).astype(np.float32) * 5
    np.testing.assert_allclose(montage.matrix @ other, montage.matrix @ signal, atol=2e-5)
    np.testing.assert_allclose((montage.matrix @ signal).mean(axis=0), 0, atol=1e-6)


def test_the_recorded_reference_can_stay():
    np.testing.assert_array_equal(fit_montage(CHANNELS, reference="none").matrix, np.eye(32))


def test_electrodes_can_be_the_reference_as_in_mne(reference_cap):
    names, samples = reference_cap
    raw = mne.io.RawArray(samples * 1e-6, mne.create_info(names, 128.0, "eeg"), verbose="error")
    for text, electrodes in (("m1,M2", ["M1", "M2"]), ("T3, T8", ["T7", "T8"]), ("M1", ["M1"])):
        expected = raw.copy().set_eeg_reference(electrodes, verbose="error").get_data(list(CHANNELS)) * 1e6
        montage = fit_montage(names, reference=text)
        np.testing.assert_allclose(montage.matrix @ samples, expected, atol=1e-4)
        assert set(montage.dropped) == {"M1", "M2"} - set(electrodes)


@pytest.fixture
def reference_cap():
    names = [*CHANNELS, "M1", "M2"]
    return names, np.random.default_rng(3).standard_normal((len(names), 50)) * 10


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("M1, M2", r"Expected the reference M1, M2 in the recording\. Received: Fp1.*without M1 and M2"),
        ("Cz", r"leaves a signal in every channel of the layout\. Received: Cz, one of them itself"),
        ("M1, M1", "`reference` must be"),
        ("", "`reference` must be"),
        ("EOG", "`reference` must be"),
    ],
)
def test_a_reference_that_cannot_be_taken_is_refused(reference, message):
    with pytest.raises(InputError, match=message):
        fit_montage(CHANNELS, reference=reference)


def test_an_unknown_reference_is_refused():
    with pytest.raises(
        InputError, match="`reference` must be average, none or electrodes such as M1, M2. Received: 'mastoids'"
    ):
        fit_montage(CHANNELS, reference="mastoids")


def test_of_a_name_that_comes_twice_the_first_counts():
    montage = fit_montage([*CHANNELS, "EEG FP1", "T3"], reference="none")
    assert montage.dropped == ("EEG FP1", "T3")
    assert not montage.matrix[:, 32:].any()


@pytest.mark.parametrize(("old", "new"), [("T3", "T7"), ("T4", "T8"), ("T5", "P7"), ("T6", "P8")])
def test_old_and_new_names_give_the_same_matrix(old, new):
    names = list(EMOTIV)
    names[names.index(new)] = old
    np.testing.assert_array_equal(fit_montage(names).matrix, fit_montage(EMOTIV).matrix)


def test_a_muse_gets_a_layout_of_its_own():
    montage = fit_montage([*MUSE, "Right AUX"])
    assert montage.layout.channels == ("AF7", "AF8", "TP9", "TP10")
    assert montage.layout.pairs == (("AF8", "AF7"),)
    assert montage.layout.n_features == 4 * 5 + 1 + 4
    assert (montage.interpolated, montage.dropped) == ((), ("Right AUX",))


def test_seven_of_the_32_are_a_layout_of_their_own_and_eight_are_interpolated():
    assert fit_montage(CHANNELS[:7]).layout.n_channels == 7
    assert fit_montage(CHANNELS[:8]).layout == STANDARD


def test_pairs_of_the_standard_come_first():
    layout = fit_montage(["AF7", "AF8", "F4", "F3", "C3", "C4"]).layout
    assert layout.pairs == (("F4", "F3"), ("AF8", "AF7"))


@pytest.mark.parametrize("names", [["Cz"], ["Fp1", "Fp2"]])
def test_an_average_over_less_than_three_channels_is_no_reference(names):
    np.testing.assert_array_equal(fit_montage(names).matrix, np.eye(len(names)))


def test_the_layout_has_the_bands_that_were_asked_for():
    montage = fit_montage(MUSE, {"alpha": (8, 12), "beta": (12, 30)})
    assert montage.layout.bands_hz == (("alpha", 8.0, 12.0), ("beta", 12.0, 30.0))
    assert fit_montage(CHANNELS, BANDS_HZ).layout == STANDARD


@pytest.mark.parametrize(
    ("names", "received"),
    [
        (["EEG 001", "EEG 002", "Status"], "EEG 001, EEG 002, Status"),
        ([], "no channel"),
        ([f"E{i}" for i in range(1, 129)], "E1, E2, .*E12 and 116 more"),
        ([f"{letter}{i}" for letter in "ABCD" for i in range(1, 33)], "A1, A2, .* and 116 more"),
    ],
    ids=["numbers", "empty", "egi", "biosemi128"],
)
def test_a_cap_without_known_names_is_refused(names, received):
    with pytest.raises(InputError, match=rf"such as Fp1, Cz or O2\. Received: {received}\. Rename the channels"):
        fit_montage(names)


def test_a_montage_is_computed_once_and_cannot_be_changed():
    montage = fit_montage(EEGMAT)
    assert fit_montage(tuple(EEGMAT)) is montage
    with pytest.raises(ValueError, match="read-only"):
        montage.matrix[0, 0] = 1


def test_a_complete_cap_needs_neither_mne_nor_a_network():
    program = (
        "import sys; from emotune.features import store; from emotune.features.layout import CHANNELS;"
        "from emotune.features.montage import fit_montage; fit_montage(CHANNELS);"
        "print([name for name in ('mne', 'tensorflow', 'keras', 'sklearn', 'pandas') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(emotune.__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_chosen_channels_make_the_layout():
    wanted = ("Fp1", "Fp2", "Cz", "Oz")
    chosen = fit_montage(("EEG Fp1", "Cz", "ECG", "Fp2", "Oz"), channels=wanted, reference="none")
    assert chosen.layout.channels == wanted
    assert chosen.layout.pairs == (("Fp2", "Fp1"),)
    assert chosen.interpolated == ()
    assert chosen.dropped == ("ECG",)
    np.testing.assert_array_equal(chosen.matrix.argmax(axis=1), [0, 3, 1, 4])


def test_a_chosen_channel_that_was_not_recorded_is_interpolated():
    cap = tuple(name for name in CHANNELS if name != "Cz")
    chosen = fit_montage(cap, channels=("Cz", "Pz"), reference="none")
    assert chosen.interpolated == ("Cz",)
    np.testing.assert_allclose(chosen.matrix[0].sum(), 1.0, atol=1e-4)


@pytest.mark.parametrize("names", [(), ("Fp1", "FP1"), ("Fp1", "elbow")])
def test_channels_must_be_electrodes(names):
    with pytest.raises(InputError, match="must be different electrodes of the 10-20 system"):
        checked_channels(names)
