"""Simulated EEG of people who feel five emotions: the built-in data, and a problem with known causes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotune.errors import InputError
from emotune.files import fingerprint
from emotune.recordings.channels import CHANNELS, electrode_directions
from emotune.recordings.forward import SphericalHead, lead_field
from emotune.recordings.recording import Recording
from emotune.recordings.rhythms import EMOTIONS, RHYTHMS, log_power_changes

__all__ = ["SIMULATOR_VERSION", "Simulator"]

SIMULATOR_VERSION = 1

P = dict(offset=0.4, gain=0.3, trial=0.2, vig=0.5, vigw=0.4, felt=0.15, clip=0.1, tilt=0.12, bgw=0.4, amp=0.2, bgtrial=0.1,
    bg=5.0, blink=1.0, muscle=1.0, orient=0.4, wander=0.2, dip=0.3)
N_BG = 400


def fib(n, lo=-0.35):
    k = np.arange(n) + 0.5
    z = 1 - (1 - lo) * k / n
    phi = k * np.pi * (3 - 5**0.5)
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(phi), r * np.sin(phi), z], 1)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


SRC = [(i, c) for i, r in enumerate(RHYTHMS) for c in r.under]
SRC_R = np.array([i for i, _ in SRC])


class Person:
    def __init__(self, rng):
        self.head = SphericalHead(radius_m=0.09 * np.exp(0.03 * rng.standard_normal()),
             conductivities_s_per_m=(0.33, 1.0, 0.008 * np.exp(0.3 * rng.standard_normal()), 0.33))
        d = electrode_directions()
        shift = 0.05 * rng.standard_normal(3)
        d = unit(d + np.cross(shift, d) + 0.02 * rng.standard_normal(d.shape))
        # background
        pos = fib(N_BG)
        ori = unit(pos + 0.8 * rng.standard_normal(pos.shape))
        logw = P["bgw"] * (pos @ rng.standard_normal(3)) + 0.3 * rng.standard_normal(N_BG)
        L = np.einsum("cdk,dk->cd", lead_field(self.head, d, 0.78 * pos), ori)
        C = (L * np.exp(logw) ** 2 * P["bg"] ** 2) @ L.T
        self.bg = np.linalg.cholesky(C + 1e-6 * np.trace(C) / 32 * np.eye(32))
        dirs = unit(electrode_directions([c for _, c in SRC]) + 0.08 * rng.standard_normal((len(SRC), 3)))
        depth = np.array([RHYTHMS[i].depth for i in SRC_R])
        ori = unit(dirs + P["orient"] * rng.standard_normal(dirs.shape))
        L = np.einsum("cdk,dk->cd", lead_field(self.head, d, depth[:, None] * dirs), ori)
        self.L = L * np.array([RHYTHMS[i].moment_nam for i in SRC_R]) * np.exp(0.5 * 0.3 * rng.standard_normal(len(SRC)))
        self.iaf = float(np.clip(rng.normal(10, 0.8), 8.6, 11.8))
        self.amp = np.exp(P["amp"] * rng.standard_normal())
        self.tilt = 1.5 + P["tilt"] * rng.standard_normal()
        self.offset = P["offset"] * rng.standard_normal(len(RHYTHMS))
        self.gain = 1 + P["gain"] * rng.standard_normal(len(RHYTHMS))
        air = SphericalHead(self.head.radius_m, (1.0,), (0.33,))
        eyes = unit(np.array([[-0.35, 0.9, -0.3], [0.35, 0.9, -0.3]]))
        L = lead_field(air, d, 0.75 * eyes).sum(1)
        self.blink = L @ unit(np.array([0, 0.8, 0.6]))
        self.blink *= 100 * np.exp(0.25 * rng.standard_normal()) / self.blink[[0, 16]].mean()
        self.blink_rate = rng.uniform(5, 16) / 60
        m = electrode_directions(("T7", "T8"))
        L = lead_field(air, d, 0.7 * m)
        self.muscle = np.einsum("cdk,dk->cd", L, unit(m + 0.3 * rng.standard_normal(m.shape)))
        self.muscle /= np.abs(self.muscle).max(0)
        self.muscle_rate = rng.uniform(0.5, 4) / 60
        self.line = np.exp(0.5 * rng.standard_normal(32)) * 0.7


def simulate(person, rng, v, a, sfreq, n):
    f = np.fft.rfftfreq(n, 1 / sfreq)
    df = f[1]
    def spectrum(shape):
        s = shape / shape.sum(-1, keepdims=True)
        return (n * np.sqrt(s / 2)).astype(np.float32)
    def gauss(amp):
        z = rng.standard_normal((amp.shape[0], f.size, 2), dtype=np.float32).view(np.complex64)[..., 0]
        return np.fft.irfft(z * (amp / np.float32(np.sqrt(2))) , n=n) 
    # states: knots each 2 s
    knots = np.arange(0, n / sfreq + 2, 2.0)
    rho = np.exp(-2 / 10)
    def ar(scale, rows=1):
        e = rng.standard_normal((rows, knots.size))
        x = np.empty_like(e); x[:, 0] = e[:, 0]
        for i in range(1, knots.size):
            x[:, i] = rho * x[:, i - 1] + np.sqrt(1 - rho**2) * e[:, i]
        return scale * x
    if P.get("mode"):
        switch = rng.random(knots.size) < 2.0 / P["dwell"]
        m = np.where(np.cumsum(switch) % 2 == int(rng.integers(2)), 1.0, -1.0)
        z = P["mode"] * m + ar(P["vigw"])[0]
    else:
        z = P["vig"] * rng.standard_normal() + ar(P["vigw"])[0]
    v = v + P["felt"] * rng.standard_normal()
    a = a + P["felt"] * rng.standard_normal()
    lp = log_power_changes(v, a, z) * person.gain[:, None] + person.offset[:, None]
    lp = lp + P["trial"] * rng.standard_normal((len(RHYTHMS), 1)) + ar(P["wander"], len(RHYTHMS))
    times = np.arange(n) / sfreq
    dip = np.exp(0.5 * P['dip'] * rng.standard_normal((len(SRC), 1))).astype(np.float32)
    g = np.stack([np.interp(times, knots, row) for row in np.exp(0.5 * lp)]).astype(np.float32)
    hp = f**4 / (f**4 + 0.5**4)
    bgspec = np.where(f > 0, hp / np.maximum(f, df) ** (person.tilt + 0.05 * rng.standard_normal()), 0)
    x = person.bg.astype(np.float32) @ gauss(np.broadcast_to(spectrum(bgspec), (32, f.size)))
    x *= np.exp(P["bgtrial"] * rng.standard_normal())
    peak = np.array([r.peak_hz or person.iaf for r in RHYTHMS])[:, None]
    width = np.array([r.width_hz for r in RHYTHMS])[:, None]
    amp = spectrum(np.exp(-0.5 * ((f - peak) / width) ** 2))
    s = gauss(amp[SRC_R]) * g[SRC_R] * dip
    x += person.L.astype(np.float32) @ s
    x *= np.float32(person.amp)
    # blinks
    t = times
    for _ in range(rng.poisson(person.blink_rate * n / sfreq) if P["blink"] else 0):
        c = rng.uniform(0, n / sfreq); w = 0.07 * np.exp(0.2 * rng.standard_normal())
        y = np.exp(-0.5 * ((t - c) / w) ** 2) - 0.25 * np.exp(-0.5 * ((t - c - 4 * w) / (1.8 * w)) ** 2)
        x += np.outer(person.blink * np.exp(0.2 * rng.standard_normal()), y).astype(np.float32)
    for _ in range(rng.poisson(person.muscle_rate * n / sfreq) if P["muscle"] else 0):
        c = rng.uniform(0, n / sfreq); w = rng.uniform(0.2, 0.8)
        side = rng.integers(2)
        y = gauss(spectrum(1 / (1 + np.exp(-(f - 25) / 4)))[None])[0] * np.exp(-0.5 * ((t - c) / w) ** 2) * 15 * np.exp(0.3 * rng.standard_normal())
        x += np.outer(person.muscle[:, side], y).astype(np.float32)
    x += np.outer(person.line * np.exp(0.2 * rng.standard_normal()), np.sin(2 * np.pi * (50 * t + rng.uniform()))).astype(np.float32)
    x += np.float32(0.5) * rng.standard_normal(x.shape, dtype=np.float32)
    return x - x.mean(1, keepdims=True, dtype=np.float64).astype(np.float32)


@dataclass(frozen=True)
class Simulator:
    n_people: int = 12
    n_emotions: int = 5
    trials_per_emotion: int = 4
    seconds: float = 24.0
    seed: int = 20
    sampling_rate_hz: float = 128.0
    name = "simulated"

    def __iter__(self):
        n = round(self.seconds * self.sampling_rate_hz)
        for k in range(self.n_people):
            rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(0, k)))
            person = Person(rng)
            order = rng.permutation(self.n_emotions * self.trials_per_emotion)
            for t, o in enumerate(order):
                e, c = divmod(int(o), self.trials_per_emotion)
                em = EMOTIONS[e]
                dv, da = P["clip"] * np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(1, e, c))).standard_normal(2)
                rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(2, k, t)))
                x = simulate(person, rng, em.valence + dv, em.arousal + da, self.sampling_rate_hz, n)
                yield Recording(x, self.sampling_rate_hz, CHANNELS, subject=f"P{k + 1:02d}", label=e, trial=f"{t + 1:02d}", stimulus=f"{em.name}-{c + 1}")
