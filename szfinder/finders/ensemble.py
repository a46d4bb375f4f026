"""EnsembleFinder: several finders look at the same maps, and answer together."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable

from szfinder.finders.base import SZFinder, as_map_stack
from szfinder.finders.combining import mean_rank, rank_and, rank_product
from szfinder.finders.ensemble_calibration import EnsembleCalibration
from szfinder.finders.ensemble_preset import EnsemblePreset, make_members
from szfinder.finders.evidence import evidence_at_peaks
from szfinder.finders.members import (
    check_features,
    check_instruments,
    named_members,
    nearness,
    said_by,
)
from szfinder.finders.regridding import on_pixels_of
from szfinder.finders.score_map import ScoreMap
from szfinder.finders.tail_rank import TailRank
from szfinder.maps import HealpixMap, HealpixStack, MapStack
from szfinder.utils.errors import put_in_front

__all__ = ["EnsembleFinder"]

#: Least score of a detection by method, where no calibration says otherwise, and least height of a
#: peak above the pass to a higher one where the method does not tell objects apart itself.
THRESHOLDS = {"product": 2.0, "and": 1.0, "calibrated": 0.5}
PROMINENCE = {"product": 0.3, "and": 0.15}
#: Rank that a threshold below all scores counts as having.
LEAST_RANK = 0.05


class EnsembleFinder(SZFinder):
    r"""Finds clusters with several finders at once (Lin et al. 2021, section 3.2).

    The members' score maps are brought onto the pixels of the maps, and each score becomes a rank
    :math:`u = -\log_{10}(1 - q)`, with the part q of a reference that does not exceed it (see
    `TailRank`). Members may put one cluster a pixel or two apart: a place has the rank of a peak
    nearby, less 0.3 at half of the smallest beam, or of the member's pixel where that is larger,
    and more as the square of the distance. Then the score is

    * for ``product``, EnsemblePROD, :math:`-\log_{10}(1 - \prod_i q_i)`;
    * for ``and``, EnsembleAND, :math:`\min_i u_i / u_i(t_i)`, which is 1 where all members meet
      their thresholds :math:`t_i`;
    * for ``calibrated``, the probability that a peak of the mean rank is a cluster, by a logistic
      regression on the ranks and on the signal-to-noise ratios of the peak in templates of several
      sizes (see `EvidenceModel`). It falls off around the peak as the mean rank does.

    Every row has what each member says: ``rank_NAME``, which is lent as above; and of the member's
    highest pixel within that distance ``score_NAME``, ``probability_NAME``, if it gives one, and
    ``found_NAME``, whether the member alone would have found it there. The first member with
    amplitudes, a matched filter, gives ``snr``, ``theta_c``, ``y_c`` and ``y_c_err`` of its own
    highest pixel. Pixels in which a member has no score have none.

    Parameters
    ----------
    members : mapping of str to `SZFinder`, or sequence of `SZFinder`
        Two finders or more. In a sequence they have the names of their kinds: ``matched_filter``,
        ``cnn``, ``unet``.
    method : {"product", "and", "calibrated"}, optional
        How they are combined; by default ``calibrated`` if there is a calibration, and else
        ``product``.
    threshold : float, optional
        Least score of a detection. By default that of the calibration with the highest F1, and
        without one 2 for ``product`` and 1 for ``and``.
    calibration : `EnsembleCalibration`, optional
        What was learned from skies with truth. Without one, ranks are those in the maps
        themselves, as in the paper, which then must be searched as one; and the thresholds of
        ``and`` are those of the members.

    Raises
    ------
    ValueError
        If there are fewer than two members, or two of a name, or their weights are for different
        instruments; if there is no such method, or it lacks a calibration; or the calibration is of
        other members, or of templates that the matched filter among them does not keep.

    References
    ----------
    Lin et al. 2021, MNRAS 507, 4149, section 3.2.

    Examples
    --------
    >>> from szfinder import CNNFinder, EnsembleFinder, MatchedFilterFinder
    >>> finder = EnsembleFinder.from_preset("spt3g")
    >>> clusters = finder(maps)  # doctest: +SKIP
    >>> finder = EnsembleFinder([MatchedFilterFinder(), CNNFinder()], method="and")
    """

    kind = "ensemble"
    between_pixels = False

    def __init__(
        self,
        members: Mapping[str, SZFinder] | Sequence[SZFinder],
        *,
        method: str | None = None,
        threshold: float | None = None,
        calibration: EnsembleCalibration | None = None,
    ) -> None:
        self.members = named_members(members)
        check_instruments(self.members)
        if method is None:
            method = "product" if calibration is None else "calibrated"
        if method not in THRESHOLDS:
            raise ValueError(f"method must be one of {', '.join(THRESHOLDS)}; found {method!r}")
        if calibration is None and method == "calibrated":
            raise ValueError(
                "method 'calibrated' needs a calibration: take one with "
                "EnsembleFinder.from_preset, or make one with szfinder.training.train_ensemble"
            )
        if calibration is not None and calibration.references.keys() != self.members.keys():
            raise ValueError(
                f"the calibration is of the members {', '.join(calibration.references)}; found "
                f"{', '.join(self.members)}"
            )
        if method == "calibrated":
            check_features(calibration.model.features, self.members)
        known = THRESHOLDS if calibration is None else calibration.thresholds
        super().__init__(threshold=known[method] if threshold is None else threshold)
        if method == "calibrated" and self.threshold >= 1:
            raise ValueError(
                f"threshold must be a probability, between 0 and 1; found {self.threshold!r}; for "
                "signal-to-noise ratios take the matched filter"
            )
        self.method = method
        self.calibration = calibration
        self.prominence = PROMINENCE.get(method)

    @classmethod
    def from_preset(
        cls,
        name: str | os.PathLike,
        *,
        method: str | None = None,
        threshold: float | None = None,
    ) -> "EnsembleFinder":
        """An ensemble with all that it needs, weights and calibration included.

        Parameters
        ----------
        name : str or path-like
            An ensemble that comes with the package, ``spt3g``, ``planck`` or ``deepsz``; or a file,
            as from `~szfinder.training.train_ensemble`.
        method, threshold
            As of the class.

        Raises
        ------
        ValueError
            If there is no such preset, or it is damaged.
        """
        preset = EnsemblePreset.load(name)
        try:
            members = make_members(preset.configuration)
            return cls(members, method=method, threshold=threshold, calibration=preset.calibration)
        except ValueError as error:
            put_in_front(error, f"ensemble {os.fspath(name)!r}")
            raise

    @property
    def parameters(self) -> dict[str, Any]:
        """The configuration, as it goes into the meta data of a catalogue."""
        return {
            **super().parameters,
            "method": self.method,
            "members": ", ".join(self.members),
            "calibrated": self.calibration is not None,
            **{
                f"{name}_{key}": value
                for name, member in self.members.items()
                for key, value in member.parameters.items()
            },
        }

    def margin(self, maps: MapStack | HealpixStack) -> float:
        """Context around the core of a tile in arcmin: the widest that a member needs."""
        return max(member.margin(maps) for member in self.members.values())

    def alignment(self, maps: MapStack) -> int:
        """Pixels at whose multiples tiles start: a multiple of what each member needs."""
        return int(np.lcm.reduce([member.alignment(maps) for member in self.members.values()]))

    def patch_pixel(self, maps: HealpixStack) -> float:
        """Pixel size in arcmin of the patches of HEALPix maps: that of the weights of members."""
        sizes = [member.patch_pixel(maps) for member in self.members.values()]
        return next((size for size in sizes if size != maps.pixel_size), maps.pixel_size)

    def find_clusters(
        self,
        maps: MapStack | HealpixStack | NDData,
        *,
        mask: np.ndarray | HealpixMap | tuple | None = None,
        block_size: tuple[int, int] | str | None = None,
        parallel: bool | int | Executor = False,
        progress_bar: bool = False,
    ) -> QTable:
        """Catalogue of the clusters in the maps; see `SZFinder.find_clusters`.

        Raises
        ------
        ValueError
            If maps are to be searched in tiles without a calibration: each tile would rank its
            scores anew.
        """
        tiles = block_size is not None or parallel is not False or isinstance(maps, HealpixStack)
        if tiles and self.calibration is None:
            raise ValueError(
                "maps that are searched in tiles need ranks that are the same in all of them: give "
                "the ensemble a calibration, for example with EnsembleFinder.from_preset"
            )
        return super().find_clusters(
            maps, mask=mask, block_size=block_size, parallel=parallel, progress_bar=progress_bar
        )

    def score_map(self, maps: MapStack | NDData, *, mask: np.ndarray | None = None) -> ScoreMap:
        """Score of the ensemble in every pixel of the maps.

        Parameters and result as in `SZFinder.score_map`. The layers are what the members say: the
        rank that a pixel borrows, and the rest at the highest pixel nearby; ``flags`` of any
        member; and, with a calibration, ``probability``, which is 0 where no peak of the mean rank
        is.

        Raises
        ------
        Exception
            What is raised in a member is raised with its name in the message.
        """
        maps = as_map_stack(maps)
        layers, references = self.ask_members(maps, mask=mask)
        ranks = [layers[f"rank_{name}"] for name in self.members]
        if self.calibration is not None:
            layers["probability"], objects, falling = _judged(
                self.calibration, mean_rank(ranks), layers
            )
        if self.method == "product":
            score = rank_product(ranks)
        elif self.method == "and":
            score = rank_and(ranks, self._and_ranks(references))
        else:
            score = falling
            layers["objects"] = objects
        meta = {
            "finder": type(self).__name__,
            "instrument": maps.instrument.name,
            **self.parameters,
        }
        return ScoreMap(score, maps.wcs, layers=layers, meta=meta)

    def ask_members(
        self, maps: MapStack, *, mask: np.ndarray | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, TailRank]]:
        """What the members say of maps.

        Parameters
        ----------
        maps : `~szfinder.maps.MapStack`
            The maps.
        mask : `~numpy.ndarray`, optional
            Boolean, shape (ny, nx): True for pixels that are not to be used.

        Returns
        -------
        layers : dict of str to `~numpy.ndarray`
            The layers of `score_map`, on the pixels of the maps.
        references : dict of str to `TailRank`
            Of each member, that in which its scores are ranked.
        """
        layers: dict[str, np.ndarray] = {}
        references = {}
        for name, member in self.members.items():
            try:
                found = on_pixels_of(maps, member.score_map(maps, mask=mask))
                references[name] = self._reference(name, found)
            except Exception as error:
                put_in_front(error, f"member {name!r}")
                raise
            near = nearness(member, maps)
            said = said_by(name, member, found, references[name], near, known=layers)
            layers |= {**said, "flags": said["flags"] | layers.get("flags", 0)}
        return layers, references

    def _reference(self, name: str, found: ScoreMap) -> TailRank:
        """Ranks of a member: those of the calibration, or those in the maps."""
        if self.calibration is not None:
            return self.calibration.references[name]
        return TailRank.of(found.data)

    def _and_ranks(self, references: Mapping[str, TailRank]) -> list[float]:
        """Least rank of each member in EnsembleAND."""
        if self.calibration is not None:
            return [self.calibration.and_ranks[name] for name in self.members]
        return [
            max(float(references[name](member.threshold)), LEAST_RANK)
            for name, member in self.members.items()
        ]


def _judged(
    calibration: EnsembleCalibration, mean: np.ndarray, layers: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probability and number of the peak that each pixel belongs to, and the score.

    The score is the probability at the peak, and falls off around it as the mean rank does. All are
    0 where there is no peak; probability and score are NaN where a member has no score.
    """
    labels, evidence = evidence_at_peaks(mean, layers)
    probability = np.append(0, calibration.model.probability(evidence))[labels]
    probability[np.isnan(mean)] = np.nan
    height = np.append(np.inf, evidence["mean_rank"])[labels]
    return probability, labels, probability * (mean / height)
