"""What every canvas offers the components."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from szfinder.maps import Instrument
from szfinder.simulation.profile_family import ProfileFamily

__all__ = ["Canvas"]

Spectrum = Callable[[np.ndarray], np.ndarray]


class Canvas(ABC):
    """Maps of all bands onto which a component paints the sky, which the beams then smooth.

    Parameters
    ----------
    instrument : `~szfinder.maps.Instrument`
        The bands.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument

    @abstractmethod
    def add_gaussian(self, rng: np.random.Generator, amplitude: Spectrum) -> None:
        """Add a Gaussian field that is correlated between the bands.

        Parameters
        ----------
        rng : `~numpy.random.Generator`
            Source of the independent fields.
        amplitude : callable
            Function of multipole, shape (n_ell,), that returns shape (n_band, n_field, n_ell) in
            uK_CMB sr^(1/2): how much of each independent field of unit power is in each band.
        """

    @abstractmethod
    def add_points(self, positions: np.ndarray, temperature: np.ndarray) -> None:
        """Add point sources.

        Parameters
        ----------
        positions : `~numpy.ndarray`
            Shape (2, n), as the region draws them.
        temperature : `~numpy.ndarray`
            Shape (n_band, n), integrated temperature in uK_CMB arcmin^2.
        """

    @abstractmethod
    def add_profiles(
        self,
        positions: np.ndarray,
        family: ProfileFamily,
        integral: np.ndarray,
        size: np.ndarray,
        shape: np.ndarray,
        response: np.ndarray,
    ) -> None:
        """Add clusters.

        Parameters
        ----------
        positions : `~numpy.ndarray`
            Shape (2, n), as the region draws them.
        family : `~szfinder.simulation.ProfileFamily`
            Their profiles.
        integral, size, shape : `~numpy.ndarray`
            Shape (n,): integral over the sky in arcmin^2, size in arcmin and shape parameter.
        response : `~numpy.ndarray`
            Shape (n_band,), temperature in uK_CMB per unit of the profile.
        """

    @abstractmethod
    def gaussian_map(self, rng: np.random.Generator, power: Spectrum) -> np.ndarray:
        """A Gaussian field with a power spectrum C(ell), as a map."""

    @abstractmethod
    def add_recoloured(self, image: np.ndarray, amplitude: np.ndarray, power: Spectrum) -> None:
        """Add a map with its waves scaled so that its power spectrum becomes another.

        Parameters
        ----------
        image : `~numpy.ndarray`
            As `gaussian_map` returns it.
        amplitude : `~numpy.ndarray`
            Shape (n_band,), in uK_CMB.
        power : callable
            C(ell) in sr of the field with amplitude 1.
        """

    @abstractmethod
    def add_noise(
        self,
        rng: np.random.Generator,
        levels: np.ndarray,
        amplitude: Callable[[np.ndarray, np.ndarray | None], np.ndarray],
        unevenness: float,
    ) -> None:
        """Add noise, which no beam smooths.

        Parameters
        ----------
        rng : `~numpy.random.Generator`
            Source of randomness.
        levels : `~numpy.ndarray`
            Shape (n_band,), white noise in uK_CMB arcmin.
        amplitude : callable
            Root of the power over that of white noise, as a function of multipole and of the
            multipole along right ascension, None on the sphere.
        unevenness : float
            Scatter of the logarithm of the depth over the sky.
        """

    @property
    @abstractmethod
    def noise_rms(self) -> np.ndarray | None:
        """Noise of the pixels in uK_CMB where its depth is uneven, shaped like the maps."""

    @abstractmethod
    def maps(self) -> np.ndarray:
        """The maps, float32 in uK_CMB, bands first."""
