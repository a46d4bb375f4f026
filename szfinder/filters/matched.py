r"""The multi-frequency matched filter.

For maps :math:`d` with cross-band covariance :math:`N`, spectral response times beam :math:`F` and
template :math:`\tau`, the amplitude with the least variance is

.. math::

   \hat y(x) = \sigma^2 \int \frac{d^2\ell}{(2\pi)^2} e^{i \ell x}\, \tau\, F^T N^{-1} d, \qquad
   \sigma^{-2} = \int \frac{d^2\ell}{(2\pi)^2} \tau^2\, F^T N^{-1} F

(Melin et al. 2006, eqs. 8 to 10). All templates share :math:`F^T N^{-1} d`: the bands are combined
once, and each template costs one multiplication and one inverse transform.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from szfinder.filters.covariance import BandCovariance, ModeCovariance
from szfinder.filters.fourier import FourierGrid

__all__ = ["MatchedFilter"]


class MatchedFilter:
    r"""Matched filter for one covariance and one or more spectral components.

    The first component is the one measured. Further components of the same shape on the sky are
    nulled: with :math:`M_{ij} = \int \tau^2 F_i^T N^{-1} F_j` the amplitude is
    :math:`\sum_j (M^{-1})_{0j} \int \tau F_j^T N^{-1} d` and its variance :math:`(M^{-1})_{00}`
    (the constrained matched filter of Erler et al. 2019, section 2.3).

    Parameters
    ----------
    grid : `~szfinder.filters.FourierGrid`
        Grid of the maps.
    response : `~numpy.ndarray`
        Spectral response times beam over ``grid.ell``, shape (n_component, n_band, n_ell), in
        uK_CMB per unit amplitude.
    covariance : `~szfinder.filters.BandCovariance` or `~szfinder.filters.ModeCovariance`
        Covariance of the maps.
    """

    def __init__(
        self,
        grid: FourierGrid,
        response: np.ndarray,
        covariance: BandCovariance | ModeCovariance,
    ) -> None:
        self.grid = grid
        self._weights, self._information = covariance.weigh(response, grid)

    def combine(self, modes: np.ndarray) -> np.ndarray:
        """Combine the bands: F^T N^-1 d for each component.

        Parameters
        ----------
        modes : `~numpy.ndarray`
            Fourier transforms of the maps, shape (n_band, ny, nx // 2 + 1).

        Returns
        -------
        `~numpy.ndarray`
            Shape (n_component, ny, nx // 2 + 1).
        """
        combined = np.zeros((len(self._weights), *modes.shape[1:]), dtype=modes.dtype)
        for component, weights in zip(combined, self._weights):
            for band, weight in zip(modes, weights):
                component += band * (self.grid.at_modes(weight) if weight.ndim == 1 else weight)
        return combined

    def noise(self, template: np.ndarray) -> float:
        """Standard deviation of the amplitude of a template given over ``grid.ell`` in sr."""
        return float(np.sqrt(self._inverse_fisher(template)[0, 0]))

    def amplitude(self, combined: np.ndarray, template: np.ndarray) -> np.ndarray:
        """Map of the amplitude of a template, given over ``grid.ell`` in sr."""
        first, *others = self._coefficients(template)
        modes = combined[0] * self.grid.at_modes(first * template)
        for component, coefficient in zip(combined[1:], others):
            modes += component * self.grid.at_modes(coefficient * template)
        return self.grid.inverse(modes)

    def white_noise_shares(self, template: np.ndarray, white: np.ndarray) -> np.ndarray:
        """Part of the variance of the amplitude that comes from white noise in each band.

        Parameters
        ----------
        template : `~numpy.ndarray`
            Template over ``grid.ell`` in sr.
        white : `~numpy.ndarray`
            White noise of each band in uK_CMB^2 sr, shape (n_band,).

        Returns
        -------
        `~numpy.ndarray`
            Shape (n_band,). Where the white noise exceeds what the covariance holds, the parts are
            scaled to the whole.
        """
        coefficients = self._coefficients(template)
        weights = np.einsum("c,cb...->b...", coefficients, self._weights) ** 2
        if weights.ndim > 2:
            modes = np.maximum(self.grid.n_modes, 1)
            weights = np.stack([self.grid.azimuthal_sum(band) / modes for band in weights])
        variance = [self.grid.spectral_integral(template**2 * band) for band in weights]
        shares = white * variance / coefficients[0]
        return shares / max(shares.sum(), 1.0)

    def correlation_area(self, template: np.ndarray) -> float:
        """Integral of the squared correlation function of the filtered noise, in sr.

        A map of area A holds A divided by it independent samples of the noise.
        """
        power = template**2 * self._information[0, 0]
        return self.grid.spectral_integral(power**2) / self.grid.spectral_integral(power) ** 2

    def cross_response(
        self, filters: Sequence[np.ndarray], templates: Sequence[np.ndarray], radius: np.ndarray
    ) -> np.ndarray:
        r"""What the filter of one template returns at a distance from a cluster of another.

        :math:`\sigma_i^2 \int \tau_i \tau_j F^T N^{-1} F J_0(\ell r)\, \ell d\ell / 2\pi`, less the
        share of the nulled components.

        Parameters
        ----------
        filters, templates : sequence of `~numpy.ndarray`
            Templates of the filters and of the clusters over ``grid.ell``, in sr.
        radius : `~numpy.ndarray`
            Distances in arcmin.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n_filter, n_template, n_radius), for clusters of unit amplitude.
        """
        spectra = (
            template * spectrum for spectrum in self._spectra(filters) for template in templates
        )
        response = self.grid.hankel_transform(spectra, radius)
        return response.reshape(len(filters), len(templates), len(radius))

    def _spectra(self, filters: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        """Response of each filter to one mode of the measured component."""
        for template in filters:
            coefficients = self._coefficients(template)
            yield template * np.einsum("c,cl->l", coefficients, self._information[0])

    def _coefficients(self, template: np.ndarray) -> np.ndarray:
        """Coefficient of each component in the amplitude of the first: 1 to it, 0 to the others."""
        return self._inverse_fisher(template)[:, 0]

    def _inverse_fisher(self, template: np.ndarray) -> np.ndarray:
        fisher = [
            [self.grid.spectral_integral(template**2 * table) for table in row]
            for row in self._information
        ]
        return np.linalg.inv(fisher)
