"""Members of an ensemble: their names, and what they say of a place."""

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from szfinder.finders.base import SZFinder
from szfinder.finders.lending import highest_nearby, lent
from szfinder.finders.score_map import ScoreMap
from szfinder.finders.tail_rank import TailRank
from szfinder.finders.tiled import pixel_size
from szfinder.maps import MapStack

__all__ = ["check_features", "check_instruments", "named_members", "nearness", "said_by"]

#: Part of the smallest beam, or of a pixel of a member's score map where that is larger, within
#: which finders put a cluster at one place.
SAME_PLACE = 0.5
#: What the ensemble has from the first of its members with amplitudes; and from the first with
#: them, signal-to-noise ratios in single templates.
MEASURED = ("snr", "theta_c", "y_c", "y_c_err", "y500")
KEPT = re.compile(r"snr_(\d+)")


def named_members(members: Mapping[str, SZFinder] | Sequence[SZFinder]) -> dict[str, SZFinder]:
    """Two members or more by their names."""
    if not isinstance(members, Mapping):
        names = [member.kind for member in members]
        if len(set(names)) < len(names):
            raise ValueError(
                f"two members are of one kind: {', '.join(names)}; name them, as in "
                "EnsembleFinder({'first': ..., 'second': ...})"
            )
        members = dict(zip(names, members))
    if len(members) < 2:
        raise ValueError(
            f"an ensemble needs two members or more; found {', '.join(members) or 'none'}"
        )
    unfit = [name for name in members if not str(name).isidentifier()]
    if unfit:
        raise ValueError(
            f"members need names that are part of those of columns; found {unfit[0]!r}, expected "
            "letters, digits and underscores"
        )
    return dict(members)


def check_instruments(members: Mapping[str, SZFinder]) -> None:
    """Refuse weights for different instruments: no maps fit all of them."""
    presets = {name: getattr(member, "preset", None) for name, member in members.items()}
    instruments = {
        name: preset.preprocessing.instrument
        for name, preset in presets.items()
        if preset is not None
    }
    if len(set(instruments.values())) > 1:
        listed = ", ".join(f"{name} for {known!r}" for name, known in instruments.items())
        raise ValueError(
            f"the weights of the members are for different instruments: {listed}; take weights for "
            "one and the same"
        )


def check_features(features: Sequence[str], members: Mapping[str, SZFinder]) -> None:
    """Refuse matched filters that do not keep the templates which a model looks at."""
    asked = {int(kept[1]) for kept in map(KEPT.fullmatch, features) if kept}
    filters = {n: m.keep_templates for n, m in members.items() if hasattr(m, "keep_templates")}
    name = next((name for name in filters if filters[name]), next(iter(filters), None))
    lacking = asked - set(filters.get(name, asked))
    if lacking:
        raise ValueError(
            f"the calibration looks at the templates {', '.join(map(str, sorted(asked)))}, of "
            f"which member {name!r} does not keep {', '.join(map(str, sorted(lacking)))}: make it "
            f"with keep_templates={sorted(asked)}"
        )


def nearness(member: SZFinder, maps: MapStack) -> float:
    """Distance in pixels within which a member puts a cluster where others do."""
    smallest_beam = min(band.beam.fwhm for band in maps.bands) / pixel_size(maps)
    # whole numbers of pixels are not to depend on the last digits of a WCS
    return round(SAME_PLACE * max(smallest_beam, member.score_step(maps)), 6)


def said_by(
    name: str,
    member: SZFinder,
    found: ScoreMap,
    reference: TailRank,
    near: float,
    *,
    known: Collection[str],
) -> dict[str, np.ndarray]:
    """Layers of what a member says: the rank a place borrows, and the rest at the highest pixel.

    Amplitudes, and S/N in single templates, are left out if they are known of another member.
    """
    rank = reference(found.data)
    peak = highest_nearby(rank, near)
    at_peak = {layer: values.ravel()[peak] for layer, values in found.layers.items()}
    said = {
        f"score_{name}": at_peak["score"],
        f"rank_{name}": lent(rank, near),
        f"found_{name}": at_peak["score"] > member.threshold,
        "flags": found.layers.get("flags", np.zeros(rank.shape, np.int16)),
    }
    if "probability" in at_peak:
        said[f"probability_{name}"] = at_peak["probability"]
    if "snr" not in known or ("y_c" in at_peak and "y_c" not in known):
        said |= {layer: at_peak[layer] for layer in MEASURED if layer in at_peak}
    if not any(map(KEPT.fullmatch, known)):
        said |= {layer: at_peak[layer] for layer in at_peak if KEPT.fullmatch(layer)}
    return said
