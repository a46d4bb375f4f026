r"""What can be known of a halo in the noise and the foregrounds of maps.

The amplitude y and the size theta of a cluster are measured together. With the information of the
matched filter on a shape s, I(s) = 1 / sigma^2(s) (Melin et al. 2006, eq. 10), the Fisher matrix of
(y, ln theta) for the template tau and its derivative tau' = d tau / d ln theta is

    [[I(tau),         y I(tau, tau')          ],
     [y I(tau, tau'), y^2 I(tau') + 1 / PRIOR^2]] ,

with I(a, b) = [I(a + b) - I(a) - I(b)] / 2, and the scatter of ln theta that halos have before
anything is measured. The `learned_ceiling` of halos that scatter so is that of someone who knows
where every halo is, and is told of no other; it is optimistic, since the scatter is around the
truth even where a size cannot be measured at all.
"""

import numpy as np

from szfinder import MatchedFilterFinder
from szfinder.filters import gnfw_templates
from szfinder.finders.filter_problem import FilterProblem

#: Size of the gas in that of the halo: simulated skies have a mass bias of 0.2.
GAS = np.cbrt(1 - 0.2)
#: theta500 in arcmin for which the information is computed, and step of the derivative in its log.
SIZES, STEP = np.geomspace(0.1, 200, 60), 0.05
#: Scatter of ln theta among the halos, without any measurement.
PRIOR = 1.0
#: Central Compton parameter that fainter ones count as, for their logarithm.
LEAST_Y = 1e-6


def information(maps, theta500):
    """I(tau), I(tau, tau') and I(tau') for clusters of the given sizes in arcmin, shape (3, n)."""
    problem = FilterProblem(MatchedFilterFinder(), maps, None)
    matched = problem.separate().matched
    ell = problem.grid.ell

    def of(shape):
        return matched.noise(shape) ** -2

    table = []
    for size in SIZES:
        smaller, shape, larger = (
            template.transform(ell)
            for template in gnfw_templates(GAS * size * np.exp([-STEP, 0, STEP]))
        )
        slope = (larger - smaller) / (2 * STEP)
        own, second = of(shape), of(slope)
        table.append([own, (of(shape + slope) - own - second) / 2, second])
    return np.array(
        [np.interp(np.log(theta500), np.log(SIZES), row) for row in np.transpose(table)]
    )


def noisy(halos, rng):
    """Arrays of halos by name, with ``y_c`` and ``theta500`` as they are measured."""
    y_c = halos["y_c"]
    own, cross, second = halos["information"]
    fisher = np.array([[own, y_c * cross], [y_c * cross, y_c**2 * second + PRIOR**-2]])
    scatter = np.linalg.cholesky(np.linalg.inv(np.moveaxis(fisher, -1, 0)))
    error = np.einsum("nij,nj->in", scatter, rng.standard_normal((y_c.size, 2)))
    measured = {
        "y_c": np.maximum(y_c + error[0], LEAST_Y),
        "theta500": halos["theta500"] * np.exp(error[1]),
    }
    return {**halos, **measured}
