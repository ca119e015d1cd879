"""Samples for written sets: noise like that of EEG, with a rhythm that tells the class a little."""

import numpy as np

RHYTHM_HZ = 10.0


def eeg_uv(source, n_channels, n_times, rate_hz, level, offset_uv=40.0):
    """Noise of 12 µV around an offset of its own for each channel, and alpha: `(n_channels, n_times)`, float64.

    Args:
        source: NumPy's generator.
        n_channels: number of rows.
        n_times: number of samples.
        rate_hz: samples a second.
        level: from 0 to 1, the class or the rating: alpha of 3 µV at 0, of 6 µV at 1.
        offset_uv: about how far from zero the channels are.
    """
    samples = source.standard_normal((n_channels, n_times))
    samples *= 12.0
    phase = source.uniform(0.0, 2.0 * np.pi, (n_channels, 1))
    samples += (3.0 + 3.0 * level) * np.sin(2.0 * np.pi * RHYTHM_HZ / rate_hz * np.arange(n_times) + phase)
    samples += offset_uv * source.uniform(0.5, 1.5, (n_channels, 1))
    return samples


def numbers(n_people):
    """Numbers for so many people, which their order as text would put wrong: 2 and 11, then the others from 1."""
    return sorted([2, 11, *(number for number in range(1, n_people + 2) if number not in (2, 11))][:n_people])
