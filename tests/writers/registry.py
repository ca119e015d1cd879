"""The one table of what can be written: a line a kind."""

from writers import (
    bids,
    dasps,
    dasps_raw,
    deap,
    deap_matlab,
    dreamer,
    eegmat,
    faced,
    gameemo,
    mahnob,
    seed,
    seed_iv,
    seed_v,
)

__all__ = ["WRITERS"]

# By the kind as `--data` takes it, and a word more where it comes in several forms.
WRITERS = {
    "deap": deap,
    "deap matlab": deap_matlab,
    "seed": seed,
    "seed-iv": seed_iv,
    "seed-v": seed_v,
    "dreamer": dreamer,
    "faced": faced,
    "gameemo": gameemo,
    "dasps": dasps,
    "dasps raw": dasps_raw,
    "eegmat": eegmat,
    "mahnob": mahnob,
    "bids": bids,
}
