"""What extraction says about caps and powers, and how the findings of many recordings become few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emotune.features.layout import CHANNELS
from emotune.features.montage import ChannelMap
from emotune.features.settings import FeatureSettings
from emotune.findings import Finding

__all__ = [
    "all_rejected_finding",
    "break_findings",
    "findings_of_set",
    "flat_findings",
    "merged_findings",
    "montage_findings",
    "power_findings",
    "rejection_findings",
    "settings_findings",
]


def settings_findings(settings: FeatureSettings) -> list[Finding]:
    """What the settings mean for every recording: bands that the filters take away, and steps that look ahead."""
    steps = settings.preprocessing
    found = []
    low, high = steps.band_pass_hz or (None, None)
    cut = [
        name
        for name, (first, last) in settings.bands_hz.items()
        if (low is not None and first < low) or (high is not None and last > high)
    ]
    if cut:
        found.append(
            Finding(
                "filtered-band",
                "warning",
                f"Expected bands within the band-pass. Received: {' and '.join(cut)}, of which it takes a part away: "
                "their values hold what the filter left, and so do the whole-head values.",
                "Widen BAND_PASS_HZ, or take these bands out of BANDS_HZ.",
            )
        )
    if steps.notch_hz is not None:
        top = max(last for _, last in settings.bands_hz.values())
        lines = [order * steps.notch_hz for order in range(1, int(top // steps.notch_hz) + 1)]
        hit = [name for name, (first, last) in settings.bands_hz.items() if any(first <= hz < last for hz in lines)]
        if hit:
            found.append(
                Finding(
                    "notched-band",
                    "warning",
                    "Expected the mains outside of the bands. Received: a notch at "
                    f"{', '.join(f'{hz:g}' for hz in lines)} Hz, within {' and '.join(hit)}.",
                    "NOTCH_HZ is 50.0 or 60.0, whatever the bands.",
                )
            )
    if settings.looks_ahead:
        found.append(
            Finding(
                "offline-only",
                "note",
                f"The vectors see later samples ({', '.join(settings.looks_ahead)}): a model of them is for finished "
                "recordings, and no stream can be given to it.",
            )
        )
    return found


def flat_findings(flat: Sequence[str], place: str) -> list[Finding]:
    """Channels that are constant throughout, by the names that came."""
    if not flat:
        return []
    return [
        Finding(
            "flat-channel",
            "warning",
            f"Expected a signal in every channel of {place}. Received: a constant in {', '.join(flat)}; flat, taken as "
            "not recorded and interpolated.",
            "Check the electrodes, or leave the recording out; the reference of the recording may be flat.",
        )
    ]


def break_findings(whole: NDArray[np.bool_], place: str) -> list[Finding]:
    """Windows that a break touches: `(n_windows,)`, False for those; an error where none is left."""
    n_broken = np.count_nonzero(~whole)
    if not n_broken:
        return []
    none_left = n_broken == len(whole)
    return [
        Finding(
            "broken-windows",
            "error" if none_left else "note",
            f"Expected windows without an interruption in {place}. Received: {n_broken} of {len(whole)} that touch a "
            f"bad stretch or a break of the recording{'' if none_left else '; they are left out'}.",
            "Take shorter windows, or leave this recording out." if none_left else "",
        )
    ]


def rejection_findings(n_whole: int, n_kept: int, reject_uv: float, place: str) -> list[Finding]:
    """Windows that span too much: how many of the whole ones are left; an error where none is."""
    if n_kept == n_whole:
        return []
    n_rejected = n_whole - n_kept
    return [
        Finding(
            "rejected-windows",
            "note" if n_kept else "error",
            f"Expected windows of {place} that span at most {reject_uv:g} µV in every channel. Received: {n_rejected} "
            f"of {n_whole} that span more{'; they are left out' if n_kept else ''}.",
            "" if n_kept else "Raise REJECT_UV, filter slow drifts out (BAND_PASS_HZ), or leave this recording out.",
        )
    ]


def all_rejected_finding(n_whole: int, reject_uv: float, place: str) -> Finding:
    """Why a recording of a set is left out."""
    return Finding(
        "rejected-recording",
        "warning",
        f"Expected a window of {place} that spans at most {reject_uv:g} µV in every channel. Received: {n_whole} of "
        f"{n_whole} that span more; the recording is left out.",
        "Raise REJECT_UV, or filter slow drifts out (BAND_PASS_HZ).",
    )


def montage_findings(montage: ChannelMap, wanted: tuple[str, ...], reference: str) -> list[Finding]:
    """What a cap and its reference mean for the vector: interpolated and dropped channels, a layout of its own."""
    findings = []
    layout, missing = montage.layout, montage.interpolated
    if missing:
        findings.append(
            Finding(
                "interpolated-channels",
                # More than half of the first block would be estimates of the other half.
                "warning" if 2 * len(missing) > layout.n_channels else "note",
                f"{len(missing)} of the {layout.n_channels} channels were not recorded and are interpolated: "
                f"{', '.join(missing)}.",
            )
        )
    if layout.channels != wanted:
        findings.append(
            Finding(
                "own-layout",
                "warning",
                f"The cap has too few of the {len(CHANNELS)} channels to interpolate the rest. "
                f"Its vector has a layout of its own: {', '.join(layout.channels)} "
                f"({layout.n_features} values).",
                "A model trained on it fits recordings of the same cap only.",
            )
        )
    if reference == "average" and layout.n_channels < 3:
        findings.append(
            Finding(
                "recorded-reference",
                "note",
                f"An average over {layout.n_channels} channels is no reference; the recorded one stays.",
            )
        )
    if montage.dropped:
        findings.append(
            Finding(
                "dropped-channels",
                "note",
                f"Recorded channels that are not used: {', '.join(montage.dropped)}.",
            )
        )
    return findings


def power_findings(
    values: NDArray[np.float32], floor: NDArray[np.float32], montage: ChannelMap, place: str
) -> list[Finding]:
    """Windows whose power is that of a flat channel: values (n_windows, n_features), floor (n_bands,)."""
    layout = montage.layout
    entropies = values[:, : layout.n_channels * layout.n_bands].reshape(-1, layout.n_channels, layout.n_bands)
    silent = entropies <= floor + 1e-4
    if not silent.any():
        return []
    channels = [name for i, name in enumerate(layout.channels) if silent[:, i].any()]
    bands = [name for i, (name, _, _) in enumerate(layout.bands_hz) if silent[:, :, i].any()]
    n_silent = np.count_nonzero(silent.any(axis=(1, 2)))
    return [
        Finding(
            "power-floor",
            "warning",
            f"{place}: {n_silent} of {len(values)} windows have no measurable power in {', '.join(bands)} "
            f"at {', '.join(channels)}; it counts as the floor.",
            "Look for a disconnected stretch, a unit other than µV, or a band that was filtered out.",
        )
    ]


def findings_of_set(
    of_set: Sequence[Finding], of_recordings: Sequence[Sequence[Finding]], of_copies: Sequence[Finding]
) -> tuple[Finding, ...]:
    """All that is known of a set, the same thing said once.

    Args:
        of_set: what its reader knows; a check of the recordings that finds the same is not repeated.
        of_recordings: what the checks of each found.
        of_copies: what the comparison between them found.
    """
    known = {(finding.name, finding.severity) for finding in of_set}
    new = [[f for f in findings if (f.name, f.severity) not in known] for findings in of_recordings]
    return (*of_set, *merged_findings(new), *merged_findings([[finding] for finding in of_copies]))


# Of findings that differ only in their numbers and places, as many are shown.
_SHOWN = 3


def merged_findings(of_recordings: Sequence[Sequence[Finding]]) -> tuple[Finding, ...]:
    """Each thing once, with the number of recordings that it was found in; of one kind at most three."""
    counts = Counter(finding for findings in of_recordings for finding in dict.fromkeys(findings))
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for finding in counts:
        kinds.setdefault((finding.name, finding.severity), []).append(finding)
    merged = []
    for findings in kinds.values():
        for finding in findings[:_SHOWN]:
            n = counts[finding]
            where = f" (in {'all ' if n == len(of_recordings) else ''}{n} recordings)." if n > 1 else ""
            merged.append(replace(finding, message=finding.message.rstrip(".") + where if where else finding.message))
        if rest := findings[_SHOWN:]:
            n = sum(counts[finding] for finding in rest)
            more = "1 more recording" if n == 1 else f"{n} more recordings"
            merged.append(replace(rest[0], message=f"The check `{rest[0].name}` found the like in {more}."))
    return tuple(merged)
