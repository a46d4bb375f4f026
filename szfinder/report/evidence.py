"""Why an ensemble kept its detections: what each member says of them, in words and numbers."""

from typing import TYPE_CHECKING

import astropy.units as u
from astropy.table import QTable, Row, Table

from szfinder.finders import ScoreMap
from szfinder.finders.catalogue import flag_words
from szfinder.mass import MASS_FLAGS
from szfinder.report.cutouts import cutout_figure, cutout_side, shown_band
from szfinder.report.truth import REAL_MASS, heavy_halos, matched, matching_radius
from szfinder.simulation import Sky

if TYPE_CHECKING:
    from szfinder.report.page import Page

__all__ = ["add_evidence", "explain", "member_names"]

#: Detections that are explained at each end of the catalogue.
N_EXPLAINED = 10
#: What is said of the members, where their names are those of their kinds.
LABELS = {"matched_filter": "matched filter", "unet": "U-Net", "cnn": "classifier"}
#: What the score of an ensemble is, by its method.
TOGETHER = {
    "calibrated": "together that is a cluster with a probability of {:.3f}",
    "product": "the rank of their product is {:.3f}",
    "and": "the lowest rank is {:.3f} of the one that is asked for",
}
#: Numbers of a detection, and their formats.
MEASURED = {"score": ".3f", "probability": ".3f", "snr": ".1f", "y_c": ".2e", "y_c_err": ".1e",
            "theta_c": ".2f", "n_pixels": "d", "m200c": ".2e", "m200c_err": ".2e"}  # fmt: skip
MEMBER_FORMATS = {"score": ".3f", "rank": ".2f", "probability": ".3f"}


def member_names(clusters: QTable) -> list[str]:
    """Names of the members of the ensemble that made a catalogue; none if it was no ensemble.

    Parameters
    ----------
    clusters : `~astropy.table.QTable`
        The catalogue.
    """
    return list(filter(None, clusters.meta.get("members", "").split(", ")))


def explain(row: Row) -> str:
    """Why a detection of an ensemble was kept, in a sentence.

    Parameters
    ----------
    row : `~astropy.table.Row`
        A row of a catalogue with its meta data.
    """
    members = member_names(row.table)
    found = [_label(name) for name in members if row[f"found_{name}"]]
    if len(found) == len(members):
        who = f"Found by {'both' if len(found) == 2 else f'all {len(found)}'} members"
    elif found:
        who = f"Found by the {' and the '.join(found)} alone"
    else:
        who = "No member alone would have found it"
    said = "; ".join(_said(row, name) for name in members)
    return f"{who}: {said}; {_together(row)}."


def _said(row: Row, name: str) -> str:
    """What a member says."""
    score = f"{row[f'score_{name}']:.2f}"
    if name == "matched_filter":
        score = f"S/N {row[f'score_{name}']:.1f}"
    one_in = float(f"{10 ** row[f'rank_{name}']:.2g}")
    below = ""
    if not row[f"found_{name}"]:
        below = f", below its threshold of {row.meta[f'{name}_threshold']:.3g}"
    return f"{score} in the {_label(name)}{below} (counts as 1 in {one_in:,.0f} pixels)"


def _together(row: Row) -> str:
    """What the ensemble makes of it."""
    meaning = TOGETHER[row.meta["method"]].format(row["score"])
    return f"{meaning}, and {row.meta['threshold']:.3f} is enough"


def add_evidence(page: "Page", sky: Sky, score_map: ScoreMap, clusters: QTable) -> None:
    """Add why the best and the most doubtful detections of an ensemble were kept.

    Parameters
    ----------
    page : `Page`
        Is added to.
    sky : `~szfinder.simulation.Sky`
        The sky.
    score_map : `~szfinder.finders.ScoreMap`
        Score map of its maps.
    clusters : `~astropy.table.QTable`
        Catalogue of an ensemble, highest score first.
    """
    halos = _halos(sky, clusters)
    highest = clusters["score"].max() if len(clusters) else None
    best = range(len(clusters))[:N_EXPLAINED]
    doubtful = range(len(clusters))[N_EXPLAINED:][-N_EXPLAINED:][::-1]
    for title, which in (
        ("The best detections, and why", best),
        ("The most doubtful detections, and why", doubtful),
    ):
        page.heading(title)
        page.paragraph(_meaning(sky, clusters) if len(which) else "There is none.")
        for number in which:
            row = clusters[number]
            with page.section(f"{row['id']}. {row['name']}"):
                page.figure(
                    cutout_figure(sky, score_map, clusters[number : number + 1], highest=highest),
                    f"Score above, {shown_band(sky).name} GHz below; {cutout_side(sky):.0f} arcmin",
                )
                page.paragraph(explain(row))
                page.paragraph(f"Flags: {_flags(row)}. In truth: {halos[number]}.")
                page.table(_members_table(row))
                names = [name for name in MEASURED if name in clusters.colnames]
                page.table(clusters[names][number : number + 1], formats=MEASURED)


def _meaning(sky: Sky, clusters: QTable) -> str:
    where = "the skies it learned from" if clusters.meta["calibrated"] else "these maps"
    radius = matching_radius(sky)
    return (
        "The score of a member is the highest nearby. A rank r is that of one pixel in 10^r in "
        f"{where}; it is lower the farther away the member has its peak. In truth a detection is a "
        f"halo of {REAL_MASS:.0e} Msun (M500c) or more within {radius:.2g}."
    )


def _members_table(row: Row) -> Table:
    """What the members say: a row each."""
    members = member_names(row.table)
    columns = {"member": [_label(name) for name in members]}
    for quantity, form in MEMBER_FORMATS.items():
        keys = [f"{quantity}_{name}" for name in members]
        columns[quantity] = [format(row[key], form) if key in row.colnames else "-" for key in keys]
    columns["alone"] = ["found" if row[f"found_{name}"] else "not found" for name in members]
    return Table(columns)


def _halos(sky: Sky, clusters: QTable) -> list[str]:
    """What each detection is in truth."""
    heavy = heavy_halos(sky.truth)
    match = matched(sky, clusters, heavy)
    texts = []
    for halo, separation in zip(match.halo, match.separation.to_value(u.arcmin)):
        if halo < 0:
            texts.append("nothing, or the halo of a detection with a higher score")
            continue
        m500c, m200c = (heavy[name][halo].to_value(u.Msun) for name in ("m500c", "m200c"))
        texts.append(
            f"a halo of {m500c:.1e} Msun (M500c; {m200c:.1e} M200c) at redshift "
            f"{heavy['redshift'][halo]:.2f}, {separation:.1f} arcmin away"
        )
    return texts


def _flags(row: Row) -> str:
    """Flags of a detection, and of its mass if it may have one."""
    text = flag_words(row["flags"]) or "none"
    if "mass_flags" in row.colnames:
        text += f"; of the mass: {flag_words(row['mass_flags'], MASS_FLAGS) or 'none'}"
    return text


def _label(name: str) -> str:
    return LABELS.get(name, name)
