"""MassEstimator: a network reads mass and pressure profile of clusters off their images."""

from collections.abc import Sequence
from numbers import Integral
from os import PathLike

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable, Table

from szfinder.finders.tables import positions_of
from szfinder.finders.unlike import is_unlike, warn_if_unlike
from szfinder.maps import HealpixMap, HealpixStack, MapStack
from szfinder.mass.answers import answer_from_dict
from szfinder.mass.cutouts import cutouts_at
from szfinder.mass.flags import MASS_FLAGS
from szfinder.mass.orientations import painted
from szfinder.mass.profiles import ring_means
from szfinder.mass.redshifts import checked_redshifts, given_redshifts, redshift_planes
from szfinder.mass.roughness import roughness
from szfinder.models import Preset

__all__ = ["MassEstimator"]

#: Relative error of a number in single precision.
ROUNDING = float(np.finfo(np.float32).eps)
#: Part of the clusters that are unlike the training from which on there is a warning: near and very
#: massive clusters, and groups of sources, are so in maps like those of the training.
MANY = 0.1


class MassEstimator:
    """Weighs clusters by a network that looks at their images (Gupta & Reichardt 2020).

    The network paints the Compton y of the cluster without beam, noise and foregrounds, as it would
    be in the middle of the image, and in the middle of further maps the mass. Images are the pixels
    of the maps around the pixel of a cluster; of HEALPix maps a patch is cut out around it. All are
    looked at in eight orientations, and what is painted are the means.

    A mass of ``mass-spt3g`` is the median of what clusters of such an image were in the training,
    in which all ln M are as likely as others, and its error half of the range from the 16th to the
    84th percentile; one of ``mass-gupta2020`` is a mean, with the root mean square of how far true
    masses are from it. Neither is that of a sample with a steep mass function, in which faint
    clusters are lighter than they look (Eddington bias).

    A row has these bits of ``MASS_FLAGS`` in ``mass_flags``, and no mass with the first two:
    ``edge``, its image reaches beyond the maps; ``masked``, it has a bad or masked pixel;
    ``no_redshift``, its redshift is not known, and the mass is that of any redshift of the
    training, or there is none if that was one redshift; ``outside``, mass or redshift is outside
    of the range for which the mass holds: a redshift beyond it has no mass at all, and a mass
    beyond it is no more than a limit; ``unlike``, the noise around it is not that of the training,
    by 30 per cent of the differences between neighbouring pixels, and the error is another.

    Parameters
    ----------
    preset : str, path-like or `~szfinder.models.Preset`, optional
        Trained weights: the name of a preset that comes with the package, or a folder.
    batch_size : int, optional
        Images that the network takes at a time.

    Raises
    ------
    ValueError
        If there is no such preset, it is that of a finder, or the batch size is not positive.

    References
    ----------
    Gupta & Reichardt 2020, ApJ 900, 110.

    Examples
    --------
    >>> from szfinder import EnsembleFinder, MassEstimator
    >>> clusters = EnsembleFinder.from_preset("spt3g")(maps)  # doctest: +SKIP
    >>> weighed = MassEstimator()(maps, clusters)  # doctest: +SKIP
    """

    def __init__(
        self, preset: str | PathLike | Preset = "mass-spt3g", *, batch_size: int = 64
    ) -> None:
        self.preset = preset if isinstance(preset, Preset) else Preset.load(preset)
        if "answer" not in self.preset.calibration:
            raise ValueError(
                f"preset {self.preset.name!r} is that of a finder ({self.preset.architecture}); "
                "expected one whose network weighs clusters (mresunet)"
            )
        if not isinstance(batch_size, Integral) or batch_size < 1:
            raise ValueError(f"batch_size must be a whole number from 1; found {batch_size!r}")
        self.batch_size = int(batch_size)
        self.answer = answer_from_dict(self.preset.calibration["answer"])
        self._check_network()

    def _check_network(self) -> None:
        """Refuse a calibration that is not that of the network: it would be read wrongly."""
        n_bands, arguments = len(self.preset.preprocessing.bands), self.preset.arguments
        n_planes = n_bands + 2 * (self._scaling is not None)
        for name, found, expected in (
            ("maps of the answer", arguments["n_outputs"], self.answer.n_maps),
            ("planes of the input", arguments["input_shape"][-1], n_planes),
            ("numbers in roughness", len(self.preset.calibration["roughness"]), n_bands),
        ):
            if found != expected:
                raise ValueError(
                    f"preset {self.preset.name!r}: network, bands and calibration do not fit; "
                    f"found {found} {name}, expected {expected}"
                )

    def __call__(
        self,
        maps: MapStack | HealpixStack | NDData,
        clusters: Table,
        *,
        redshift: float | np.ndarray | None = None,
        mask: np.ndarray | HealpixMap | tuple | None = None,
        progress_bar: bool = False,
    ) -> QTable:
        """The catalogue with masses; see `estimate`."""
        return self.estimate(
            maps, clusters, redshift=redshift, mask=mask, progress_bar=progress_bar
        )

    def estimate(
        self,
        maps: MapStack | HealpixStack | NDData,
        clusters: Table,
        *,
        redshift: float | np.ndarray | None = None,
        mask: np.ndarray | HealpixMap | tuple | None = None,
        progress_bar: bool = False,
    ) -> QTable:
        """Weigh the clusters of a catalogue.

        Parameters
        ----------
        maps : `~szfinder.maps.MapStack`, `~szfinder.maps.HealpixStack` or `~astropy.nddata.NDData`
            The maps; of plain NDData the meta must hold the ``instrument``.
        clusters : `~astropy.table.Table`
            Positions as for `~szfinder.evaluation.positions_of`, of the catalogue of any code.
        redshift : float or array_like, optional
            Redshifts, shape (n,), or one of all, NaN where it is not known; by default the column
            ``redshift`` or ``z`` if there is one, and else none is known.
        mask : `~numpy.ndarray`, optional
            Boolean, shape (ny, nx): True for pixels that are not to be used; for HEALPix maps a
            HEALPix map, as `~szfinder.maps.HealpixStack.masked` takes it.
        progress_bar : bool, optional
            Show progress.

        Returns
        -------
        `~astropy.table.QTable`
            All columns of the catalogue and ``m200c`` and ``m200c_err`` in Msun; ``sz_profile``,
            Compton y in rings, shape (n, n_ring), whose mean radii in arcmin are
            ``meta["sz_profile_radius"]``, the mean of what clusters of such an image have, without
            an error; ``mass_redshift``, for which a mass holds, NaN for any; and ``mass_flags``.
            NaN where there is no mass. Columns that had these names are replaced.

        Raises
        ------
        `~szfinder.maps.MapError`
            If bands, beams or pixels are not those of the preset, or the mask does not fit.
        ValueError
            If the catalogue has no positions, a redshift that is given is none, or none at all is
            known and the preset needs one.

        Warns
        -----
        `~szfinder.finders.UnlikeTrainingWarning`
            If over a tenth of the clusters have the flag ``unlike``.
        """
        positions = positions_of(clusters)
        known = given_redshifts(clusters, redshift, self.preset)
        images, flags = cutouts_at(maps, positions, self.preset, mask=mask)
        flags[np.isnan(known)] |= MASS_FLAGS["no_redshift"]
        flags[_beyond(known, self.preset.calibration["redshifts"])] |= MASS_FLAGS["outside"]
        usable = flags & ~self._harmless == 0
        flags[usable] |= self._unlike(images[usable]) * MASS_FLAGS["unlike"]
        mass, error = np.full((2, len(positions)), np.nan)
        mass[usable], error[usable], y = self.estimate_images(
            images[usable], redshift=known[usable], progress_bar=progress_bar
        )
        radii, means = ring_means(y)
        profiles = np.full((len(positions), radii.size), np.nan, np.float32)
        profiles[usable] = means
        without = np.isnan(mass) | _beyond(mass, self.preset.calibration["masses"])
        flags[usable & without] |= MASS_FLAGS["outside"]
        weighed = QTable(clusters, copy=True)
        weighed["m200c"], weighed["m200c_err"] = mass * u.Msun, error * u.Msun
        weighed["sz_profile"] = profiles
        weighed["mass_redshift"], weighed["mass_flags"] = known, flags
        weighed.meta |= {
            "mass_preset": self.preset.name,
            "mass_weights_sha256": self.preset.card.get("sha256"),
            "sz_profile_radius": (radii * self.preset.preprocessing.pixel_size).tolist(),
        }
        return weighed

    def estimate_images(
        self,
        cutouts: np.ndarray,
        *,
        redshift: float | np.ndarray | None = None,
        progress_bar: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weigh clusters in the middle of cutouts.

        Parameters
        ----------
        cutouts : `~numpy.ndarray`
            Shape (n, n_band, side, side) in uK_CMB, of bands and side of the preset, without
            bad pixels; a cluster is in the pixel (side // 2, side // 2).
        redshift : float or array_like, optional
            Redshifts, shape (n,), or one of all, NaN where it is not known; by default none is, or
            all are that of a preset for one redshift.
        progress_bar : bool, optional
            Show progress.

        Returns
        -------
        mass, error : `~numpy.ndarray`
            M200c and its error in Msun, shape (n,).
        y : `~numpy.ndarray`
            Compton y without beam and noise, shape (n, side, side). All are NaN where the redshift
            is beyond the range of the training, or not known and the preset is for one, and where
            what the network gives is no mass, but a number below 0.

        Raises
        ------
        ValueError
            If the cutouts do not fit the network, or are not finite, or a redshift is none.
        """
        images, scaling = self.preset.preprocessing.to_images(cutouts), self._scaling
        known = checked_redshifts(np.nan if redshift is None else redshift, len(images))
        wrong = _beyond(known, self.preset.calibration["redshifts"])
        if scaling is not None:
            planes = redshift_planes(known, images.shape[1], scaling)
            images = np.concatenate([images, planes], axis=-1)
        elif redshift is not None:
            wrong |= np.isnan(known)
        maps = painted(
            self.preset.network, images, batch_size=self.batch_size, progress_bar=progress_bar
        )
        mass, error, y = self.answer.read(maps)
        wrong |= mass <= 0
        for values in (mass, error, y):
            values[wrong] = np.nan
        return mass, error, y

    @property
    def _scaling(self) -> Sequence[float] | None:
        """How the network is told the redshift; None if all its clusters have the same."""
        return self.preset.calibration["redshift_input"]

    @property
    def _harmless(self) -> int:
        """Flags of clusters that can be weighed nevertheless."""
        return 0 if self._scaling is None else MASS_FLAGS["no_redshift"]

    def _unlike(self, images: np.ndarray) -> np.ndarray:
        """Which images have other noise than those of the training; a warning if many do."""
        expected, found = self.preset.calibration["roughness"], roughness(images)
        unlike = is_unlike(found, expected).any(axis=1)
        if unlike.sum() > MANY * len(images):
            warn_if_unlike(
                self.preset, np.median(found[unlike], axis=0), expected,
                where=f"neighbouring pixels around {unlike.sum()} of {len(images)} clusters",
                stacklevel=5,
            )  # fmt: skip
        return unlike


def _beyond(values: np.ndarray, limits: Sequence[float]) -> np.ndarray:
    """Whether values are beyond limits; those of a column in single precision may be at one."""
    low, high = limits
    return (values < low * (1 - ROUNDING)) | (values > high * (1 + ROUNDING))
