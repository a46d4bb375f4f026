"""Sky: simulated maps together with the truth they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import QTable

from szfinder.maps import Instrument, MapStack
from szfinder.utils.files import replacing_folder

__all__ = ["Sky"]

#: Highest multipole of the tables of beams.
BEAM_LMAX = 30000


@dataclass(frozen=True)
class Sky:
    """A simulated sky.

    Attributes
    ----------
    maps : `~szfinder.maps.MapStack` or dict
        The maps of a patch; of the sphere, a HEALPix map for the name of each band, as
        `~szfinder.maps.read_maps` takes them.
    truth : `~astropy.table.QTable`
        The halos in the maps, the most massive first: ``id``, ``sky_centroid``, ``redshift``,
        ``mvir``, ``m200c``, ``m500c``, ``rvir``, ``r500c``, ``theta500``, ``velocity``; ``y500``
        and ``y_c`` if there is a thermal SZ effect (with a mass bias b, ``y500`` is in the sphere
        that goes with (1 - b) M500); ``x_centroid`` and ``y_centroid`` on a patch.
        Its meta data say how the sky was made.
    instrument : `~szfinder.maps.Instrument`
        The bands.
    components : dict of str to `~numpy.ndarray`
        The maps of each component alone in uK_CMB, beams included, if they were asked for.
    ivar : dict, optional
        Inverse variances of HEALPix maps of uneven depth, like ``maps``; a map stack has its own.
    """

    maps: MapStack | Mapping[str, tuple]
    truth: QTable
    instrument: Instrument
    components: Mapping[str, np.ndarray] = field(default_factory=dict)
    ivar: Mapping[str, tuple] | None = None

    def write(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the maps, the beams, the instrument and the truth.

        ``<band>.fits`` in uK_CMB, ``<band>_ivar.fits`` where the depth is uneven,
        ``<band>_beam.txt`` with ell and B_ell, ``instrument.yaml`` and ``truth.ecsv``.

        Parameters
        ----------
        folder : str or path-like
            It is made, and appears when all has been written.
        overwrite : bool, optional
            Take the place of a folder that is not empty.

        Raises
        ------
        FileExistsError
            If the folder is not empty and is not to be overwritten.
        OSError
            If it cannot be written.
        """
        with replacing_folder(folder, overwrite=overwrite) as aside:
            if isinstance(self.maps, MapStack):
                self._write_patch(aside)
            else:
                self._write_healpix(aside)
            self._write_beams(aside)
            self.instrument.write(aside / "instrument.yaml")
            self.truth.write(aside / "truth.ecsv")

    def _write_patch(self, folder: Path) -> None:
        header = self.maps.wcs.to_header()
        ivar = self.maps.ivar
        for index, band in enumerate(self.instrument):
            header["BAND"] = band.name
            header["BUNIT"] = "uK_CMB"
            fits.writeto(folder / f"{band.name}.fits", self.maps.data[index], header)
            if ivar is not None:
                header["BUNIT"] = "uK_CMB^-2"
                fits.writeto(folder / f"{band.name}_ivar.fits", ivar[index], header)

    def _write_beams(self, folder: Path) -> None:
        ell = np.arange(BEAM_LMAX + 1)
        for band in self.instrument:
            np.savetxt(
                folder / f"{band.name}_beam.txt",
                np.stack([ell, band.beam.window(ell)], axis=-1),
                fmt=["%d", "%.6e"],
                header="ell  B_ell",
            )

    def _write_healpix(self, folder: Path) -> None:
        import healpy

        inverse = {f"{name}_ivar": value for name, value in (self.ivar or {}).items()}
        for name, (values, keywords) in {**self.maps, **inverse}.items():
            whole = values
            if "pixels" in keywords:
                whole = np.full(12 * keywords["nside"] ** 2, healpy.UNSEEN, np.float32)
                whole[keywords["pixels"]] = values
            healpy.write_map(
                folder / f"{name}.fits",
                whole,
                coord={"galactic": "G", "icrs": "C"}[keywords["frame"]],
                column_names=["TEMPERATURE"],
                column_units="uK_CMB^-2" if name in inverse else "uK_CMB",
                partial="pixels" in keywords,
                dtype=np.float32,
            )
