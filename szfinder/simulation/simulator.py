"""SkySimulator: skies whose every cluster is known."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from zlib import crc32

import astropy.units as u
import numpy as np
from astropy.table import QTable
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS

import szfinder
from szfinder.filters.fourier import ARCMIN
from szfinder.maps import Instrument, MapStack
from szfinder.physics import cosmology_parameters, sehgal_cosmology
from szfinder.simulation.canvas import Canvas
from szfinder.simulation.component import Component, Scene
from szfinder.simulation.flat_canvas import FlatCanvas
from szfinder.simulation.halo_model import halo_model
from szfinder.simulation.halos import Halos
from szfinder.simulation.healpix_canvas import HealpixCanvas
from szfinder.simulation.noise import Noise
from szfinder.simulation.patch import Patch
from szfinder.simulation.presets import default_components, sky_preset
from szfinder.simulation.sky import Sky
from szfinder.simulation.sphere import Sphere

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

__all__ = ["SkySimulator"]

#: Least FWHM of a beam in pixels, with a per cent to spare.
SAMPLING = 1.98


class SkySimulator:
    """Makes skies for an instrument.

    Every component has its own stream of random numbers: with the same seed, adding or removing one
    leaves the others as they are, bit by bit.

    Parameters
    ----------
    instrument : `~szfinder.maps.Instrument` or str
        The instrument, or the name of a preset.
    components : sequence of `~szfinder.simulation.Component`, optional
        What the sky consists of; by default all of `default_components`.
    halos : `~szfinder.simulation.Halos`, optional
        How halos are drawn; by default independent ones above 1e13 Msun.
    cosmology : `~astropy.cosmology.FLRW`, optional
        The cosmology of the halos, with ``sigma8`` and ``n`` in its meta data; by default that of
        Sehgal et al. (2010).
    high_pass : float, optional
        Multipole along right ascension below which maps are filtered, as those of SPT are (flat
        patches only).
    rng : int or `~numpy.random.Generator`, optional
        Seed. Each call makes a further sky.

    Raises
    ------
    ValueError
        If two components have the same name, the cosmology is impossible, or the filter is not
        above 0.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from szfinder.maps import wcs_for_patch
    >>> from szfinder.simulation import SkySimulator
    >>> wcs, shape = wcs_for_patch(SkyCoord(30, -50, unit="deg"), 1 * u.deg, 0.5 * u.arcmin)
    >>> sky = SkySimulator("spt3g", rng=1).patch(wcs, shape)
    >>> sky.maps
    <MapStack: spt3g, bands 95, 150, 220; 120 x 120 pixels of 0.5 x 0.5 arcmin; 100 per cent good>
    """

    def __init__(
        self,
        instrument: Instrument | str,
        components: Sequence[Component] | None = None,
        *,
        halos: Halos | None = None,
        cosmology: FLRW | None = None,
        high_pass: float | None = None,
        rng: int | np.random.Generator | None = None,
    ) -> None:
        if isinstance(instrument, str):
            instrument = Instrument.from_preset(instrument)
        self.instrument = instrument
        self.components = default_components() if components is None else tuple(components)
        self.halos = halos or Halos()
        self.cosmology = cosmology or sehgal_cosmology()
        cosmology_parameters(self.cosmology)
        names = [component.name for component in self.components] + ["halos"]
        if len(set(names)) < len(names):
            raise ValueError(
                "two components have the same name, or one is called halos: "
                + ", ".join(names[:-1])
            )
        if high_pass is not None and not 0 < high_pass < np.inf:
            raise ValueError(f"high_pass is {high_pass!r}; it must be a multipole above 0")
        self.high_pass = high_pass
        self._rng = np.random.default_rng(rng)
        self._default_grid = None

    @classmethod
    def from_preset(
        cls,
        name: str,
        *,
        size: u.Quantity | float | None = None,
        rng: int | np.random.Generator | None = None,
        **options: float,
    ) -> SkySimulator:
        """A simulator of one of the skies that come with the package.

        Parameters
        ----------
        name : str
            One of ``szfinder.simulation.PRESETS``.
        size : `~astropy.units.Quantity` or float, optional
            Side of its patch, in degrees if a number; by default the preset's own.
        rng : int or `~numpy.random.Generator`, optional
            Seed.
        **options
            Of the preset: ``m200c`` in Msun, of the cluster of ``gupta2020``.

        Raises
        ------
        ValueError
            If there is no such preset, or it has no such option.
        """
        preset = sky_preset(name, **options)
        if size is not None:
            preset = replace(preset, size=u.Quantity(size, u.deg))
        simulator = cls(
            preset.instrument,
            preset.components,
            halos=preset.halos,
            cosmology=preset.cosmology,
            rng=rng,
        )
        simulator._default_grid = preset.grid()
        return simulator

    def patch(
        self,
        wcs: WCS | None = None,
        shape: tuple[int, int] | None = None,
        *,
        keep_components: bool = False,
        progress_bar: bool = False,
    ) -> Sky:
        """A sky on a flat patch.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`, optional
            Celestial; by default that of the preset.
        shape : tuple of int, optional
            Shape (ny, nx) of the maps; by default that of the preset.
        keep_components : bool, optional
            Keep the maps of each component alone.
        progress_bar : bool, optional
            Show progress.

        Returns
        -------
        `~szfinder.simulation.Sky`

        Raises
        ------
        `~szfinder.maps.MapError`
            If the WCS is not celestial, its pixels are not square, or a given halo lies outside.
        ValueError
            If there is neither a WCS with a shape nor a preset, or a band lacks its noise level.

        Warns
        -----
        AstropyUserWarning
            If the pixels are wider than half of a beam.
        """
        if (wcs is None) != (shape is None) or wcs is None and self._default_grid is None:
            raise ValueError("give both wcs and shape, for example by szfinder.maps.wcs_for_patch")
        region = Patch(*(self._default_grid if wcs is None else (wcs, shape)))
        self._check_sampling(max(region.grid.pixel_scale))

        def canvas() -> Canvas:
            return FlatCanvas(region, self.instrument, high_pass=self.high_pass)

        maps, rms, truth, kept = self._make(region, canvas, keep_components, progress_bar)
        ivar = None if rms is None else 1 / rms**2
        stack = MapStack(maps, wcs=region.wcs, instrument=self.instrument, uncertainty=ivar)
        return Sky(stack, truth, self.instrument, kept)

    def healpix(
        self,
        nside: int = 2048,
        *,
        pixels: np.ndarray | None = None,
        frame: str = "galactic",
        keep_components: bool = False,
        progress_bar: bool = False,
    ) -> Sky:
        """A sky on the sphere, in HEALPix pixels of RING order.

        Parameters
        ----------
        nside : int, optional
            A power of 2.
        pixels : `~numpy.ndarray`, optional
            Numbers of the pixels of a partial map; by default the whole sky.
        frame : {"galactic", "icrs"}, optional
            Frame of the map.
        keep_components, progress_bar
            As for `patch`.

        Returns
        -------
        `~szfinder.simulation.Sky`
            Its maps can be given to `~szfinder.maps.read_maps` as they are.

        Raises
        ------
        `~szfinder.maps.MapError`
            If nside, frame or pixels are impossible, or a given halo lies outside.
        ValueError
            If a high-pass or scans are asked for, which flat patches alone have.

        Warns
        -----
        AstropyUserWarning
            If the pixels are wider than half of a beam.
        """
        if self.high_pass is not None:
            raise ValueError("high_pass is known for flat patches only; leave it out")
        region = Sphere(nside, pixels=pixels, frame=frame)
        self._check_sampling(np.sqrt(np.pi / 3) / nside / ARCMIN)

        def canvas() -> Canvas:
            return HealpixCanvas(region, self.instrument)

        maps, rms, truth, kept = self._make(region, canvas, keep_components, progress_bar)
        keywords = {"order": "ring", "frame": frame}
        if pixels is not None:
            keywords |= {"nside": nside, "pixels": region.pixels}

        def named(planes):
            return {band.name: (plane, keywords) for band, plane in zip(self.instrument, planes)}

        ivar = None if rms is None else named(1 / rms**2)
        return Sky(named(maps), truth, self.instrument, kept, ivar)

    def _check_sampling(self, pixel: float) -> None:
        """Warn of pixels, in arcmin, in which a beam is not resolved."""
        narrow = [band.name for band in self.instrument if band.beam.fwhm < SAMPLING * pixel]
        if narrow:
            warnings.warn(
                f"pixels of {pixel:.3g} arcmin are wider than half the beam of band "
                f"{', '.join(narrow)}: small objects ring, and on the sphere lose or gain flux; "
                "use smaller pixels",
                AstropyUserWarning,
                stacklevel=3,
            )

    def _make(self, region, canvas, keep_components, progress_bar):
        from tqdm import tqdm

        entropy = int(self._rng.integers(2**63))
        model = halo_model(self.cosmology)
        positions, halos = self.halos.draw(region, model, _stream(entropy, "halos"))
        scene = Scene(region, model, positions, halos)
        kept, total = {}, canvas()
        for component in tqdm(self.components, disable=not progress_bar, desc="sky"):
            component.paint(total, scene, _stream(entropy, component.name))
            if keep_components:
                alone = canvas()
                component.paint(alone, scene, _stream(entropy, component.name))
                kept[component.name] = alone.maps()
        truth = self._truth(scene, entropy)
        return total.maps(), total.noise_rms, truth, kept

    def _truth(self, scene: Scene, entropy: int) -> QTable:
        """The halos inside of the maps, the most massive first."""
        inside = scene.region.inside(scene.positions)
        truth = scene.halos[inside]
        for component in self.components:
            columns = component.truth(scene, _stream(entropy, component.name))
            for name, value in columns.items():
                truth[name] = value[inside]
        positions = scene.positions[:, inside]
        truth.add_column(scene.region.to_sky(positions), name="sky_centroid", index=0)
        for name, values in scene.region.columns(positions).items():
            truth[name] = values
        truth = truth[np.argsort(-truth["m200c"].value, kind="stable")]
        truth.add_column(np.arange(1, len(truth) + 1), name="id", index=0)
        truth.meta.update(
            instrument=self.instrument.name,
            components=", ".join(map(repr, self.components)),
            halos=repr(self.halos),
            high_pass=self.high_pass,
            entropy=entropy,
            szfinder_version=szfinder.__version__,
            **cosmology_parameters(self.cosmology),
        )
        return truth

    def covariance(
        self, ell: np.ndarray, *, max_flux: float = 1.0, max_mass: float = 1e14
    ) -> np.ndarray:
        """Covariance between bands of what is left when bright objects have been taken off.

        It is what an ideal filter has against it: the components, as the beams see them, and noise.
        Halos count from 1e13 Msun, at random positions.

        Parameters
        ----------
        ell : `~numpy.ndarray`
            Multipoles, shape (n_ell,).
        max_flux, max_mass : float, optional
            Flux in mJy at 150 GHz of the brightest source, and M500c in Msun of the most massive
            halo, that is left.

        Returns
        -------
        `~numpy.ndarray`
            C_ell in uK_CMB^2 sr, shape (n_ell, n_band, n_band), without pixel window.
        """
        model = halo_model(self.cosmology)
        ell = np.maximum(np.asarray(ell, dtype=float), 1)
        beams = np.stack([band.beam.window(ell) for band in self.instrument], axis=-1)
        smoothing = beams[:, :, None] * beams[:, None, :]
        total = np.zeros(smoothing.shape)
        for component in self.components:
            left = component.remaining(max_flux=max_flux, max_mass=max_mass)
            power = left.power(ell, self.instrument, model)
            total += power if isinstance(component, Noise) else power * smoothing
        return total


def _stream(entropy: int, name: str) -> np.random.Generator:
    """The random numbers of one component: they depend on the sky and its name alone."""
    return np.random.default_rng([entropy, crc32(name.encode())])
