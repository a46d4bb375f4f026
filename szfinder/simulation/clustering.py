"""Log-normal clustering of halos on the sky."""

from __future__ import annotations

import numpy as np

from szfinder.simulation.halo_model import HaloModel

__all__ = ["LogNormalField"]

#: Depth of a shell in redshift, in ln(1 + z).
SHELL = 0.06
#: Values of the bias for which densities are tabulated.
BIASES = np.geomspace(0.5, 32, 31)


class LogNormalField:
    r"""Density of halos on the sky in shells of redshift.

    In each shell the number of halos of bias b is modulated by
    :math:`\exp(b g - b^2 \sigma^2 / 2)`, where g is a Gaussian field with the projected linear
    matter power :math:`C_\ell = P(\ell / \chi) / (\chi^2 \Delta\chi)` (Limber's approximation;
    log-normal fields: Coles & Jones 1991, MNRAS 248, 1). Shells are independent of one another, and
    velocities of the density.

    Parameters
    ----------
    region : `~szfinder.simulation.Patch` or `~szfinder.simulation.Sphere`
        The cells on the sky.
    model : `~szfinder.simulation.halo_model.HaloModel`
        Matter power and distances.
    redshift : `~numpy.ndarray`
        Ascending redshifts, each of which belongs to a shell.
    rng : `~numpy.random.Generator`
        Source of randomness.
    """

    def __init__(
        self, region, model: HaloModel, redshift: np.ndarray, rng: np.random.Generator
    ) -> None:
        self.area = region.cell_area
        shell = np.floor(np.log1p(redshift) / SHELL).astype(int)
        self.shell = np.unique(shell, return_inverse=True)[1]
        self._fields = [
            region.smooth_field(
                rng, _projected_power(model, np.expm1(SHELL * np.array([n, n + 1])))
            )
            for n in np.unique(shell)
        ]

    def draw(
        self, rng: np.random.Generator, expected: np.ndarray, bias: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of halos, and their cells on the sky.

        Parameters
        ----------
        rng : `~numpy.random.Generator`
            Source of randomness.
        expected : `~numpy.ndarray`
            Shape (n_redshift, n_mass), mean number a steradian.
        bias : `~numpy.ndarray`
            Bias, in the same shape.

        Returns
        -------
        numbers : `~numpy.ndarray`
            Drawn numbers, shape (n_redshift, n_mass).
        cells : `~numpy.ndarray`
            Cell of each halo, in the order of the numbers.
        """
        nearest = np.abs(np.log(bias[..., None] / BIASES)).argmin(axis=-1)
        numbers = np.zeros(expected.shape, int)
        groups = []
        for n, field in enumerate(self._fields):
            for k in np.unique(nearest[self.shell == n]):
                here = np.flatnonzero(((self.shell == n)[:, None] & (nearest == k)).ravel())
                weight = BIASES[k] * field
                weight = self.area * np.exp(weight - 0.5 * weight.var())
                numbers.flat[here] = rng.poisson(expected.flat[here] * weight.sum())
                cumulative = np.cumsum(weight)
                owner = np.repeat(here, numbers.flat[here])
                cells = np.searchsorted(cumulative, rng.random(owner.size) * cumulative[-1])
                groups.append((owner, cells))
        owner, cells = (np.concatenate(arrays) for arrays in zip(*groups))
        return numbers, cells[np.argsort(owner, kind="stable")]


def _projected_power(model: HaloModel, redshifts: np.ndarray):
    near, far = model.cosmology.comoving_distance(redshifts).value
    middle = 0.5 * (near + far)
    wave_number = np.geomspace(1e-4, 50, 300)
    power = model.matter_power(wave_number, float(redshifts.mean()))

    def projected(ell):
        log_power = np.interp(np.log(ell / middle), np.log(wave_number), np.log(power))
        return np.exp(log_power) / (middle**2 * (far - near))

    return projected
