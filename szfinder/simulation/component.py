"""Component: one constituent of the simulated sky."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import QTable

from szfinder.maps import Instrument
from szfinder.simulation.canvas import Canvas
from szfinder.simulation.halo_model import HaloModel

if TYPE_CHECKING:
    from szfinder.simulation.patch import Patch
    from szfinder.simulation.sphere import Sphere

__all__ = ["Component", "Scene"]


@dataclass(frozen=True)
class Scene:
    """What the components of one sky share.

    Parameters
    ----------
    region : `~szfinder.simulation.Patch` or `~szfinder.simulation.Sphere`
        The pixels, and where positions are drawn.
    model : `~szfinder.simulation.halo_model.HaloModel`
        Halos of the cosmology.
    positions : `~numpy.ndarray`
        Positions of the halos in the region, shape (2, n).
    halos : `~astropy.table.QTable`
        The halos, in the margin too.
    """

    region: Patch | Sphere
    model: HaloModel
    positions: np.ndarray
    halos: QTable


class Component(ABC):
    """One constituent of the sky, with its spectrum and its own stream of random numbers."""

    #: Name of the component; it also names its stream of random numbers.
    name: str

    @abstractmethod
    def paint(self, canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
        """Add the component to a canvas.

        Parameters
        ----------
        canvas : `~szfinder.simulation.canvas.Canvas`
            What it is painted on.
        scene : `Scene`
            What the components share.
        rng : `~numpy.random.Generator`
            The component's own stream.
        """

    def truth(self, scene: Scene, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Columns that the component adds to the truth, from its own stream as in `paint`."""
        return {}

    def power(self, ell: np.ndarray, instrument: Instrument, model: HaloModel) -> np.ndarray:
        """Power spectra between the bands that the component is expected to have.

        Parameters
        ----------
        ell : `~numpy.ndarray`
            Multipoles, shape (n_ell,).
        instrument : `~szfinder.maps.Instrument`
            The bands.
        model : `~szfinder.simulation.halo_model.HaloModel`
            Halos of the cosmology.

        Returns
        -------
        `~numpy.ndarray`
            C_ell in uK_CMB^2 sr without beams, shape (n_ell, n_band, n_band).

        Raises
        ------
        NotImplementedError
            If the component does not say.
        """
        raise NotImplementedError(
            f"the component {self.name!r} does not say what power it has; define its power()"
        )

    def remaining(self, *, max_flux: float, max_mass: float) -> Component:
        """What is left of the component's power when bright objects have been taken off.

        Parameters
        ----------
        max_flux : float
            Flux of the brightest source that is left, in mJy at 150 GHz.
        max_mass : float
            M500c of the most massive halo that is left, in Msun.
        """
        return self

    def __repr__(self) -> str:
        public = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        values = ", ".join(f"{name}={value!r}" for name, value in public.items())
        return f"{type(self).__name__}({values})"


class GaussianComponent(Component):
    """A component that is a Gaussian field."""

    @abstractmethod
    def amplitude(self, ell: np.ndarray, instrument: Instrument) -> np.ndarray:
        """Amplitude of each independent field in each band.

        Shape (n_band, n_field, n_ell), in uK_CMB sr^(1/2).
        """

    def paint(self, canvas, scene, rng) -> None:
        """Draw the fields; see `Component.paint`."""
        canvas.add_gaussian(rng, lambda ell: self.amplitude(ell, canvas.instrument))

    def power(self, ell, instrument, model) -> np.ndarray:
        """See `Component.power`."""
        amplitude = self.amplitude(np.asarray(ell, dtype=float), instrument)
        return np.einsum("ifl,jfl->lij", amplitude, amplitude)
