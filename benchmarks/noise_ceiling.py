r"""What can be known of a halo in the noise and the foregrounds of maps.

All that linear filters tell of a cluster at a known place are its S/N in templates s_k of several
sizes. With the information of the matched filter, I(s) = 1 / sigma^2(s) (Melin et al. 2006, eq.
10), and I(a, b) = [I(a + b) - I(a) - I(b)] / 2, a cluster of amplitude y and shape tau has

    S/N_k = y I(tau, s_k) / I(s_k)^(1/2)

but for Gaussian noise, whose correlation is I(s_k, s_l) / [I(s_k) I(s_l)]^(1/2). `noise_ceiling`
draws these for every halo, and learns which are clusters: so well does someone who knows where
every halo is, and is misled by no other.
"""

import astropy.units as u
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from szfinder import MatchedFilterFinder
from szfinder.evaluation import ScoreBook, select_halos
from szfinder.filters import gnfw_templates
from szfinder.finders.filter_problem import FilterProblem
from szfinder.training.visible import MASS_BIAS

#: theta500 in arcmin of the templates, and of the clusters that the S/N is computed for.
SIZES, CLUSTERS = np.array([1.0, 2.0, 4.0, 8.0]), np.geomspace(0.1, 200, 60)
#: Size of the gas of simulated skies in that of the halo.
GAS = np.cbrt(1 - MASS_BIAS)
#: Mass in Msun below which halos are left out.
FLOOR = 5e13


def noise_ceiling(maps, training, *tests, rng):
    """Score books of truth tables, for noise as in the maps; what is learned is from another."""
    response, correlation = filtered(maps)
    classifier = make_pipeline(
        StandardScaler(), PolynomialFeatures(3, include_bias=False),
        LogisticRegression(C=10.0, max_iter=5000),
    )  # fmt: skip
    features, labels = measured(training, response, correlation, rng)
    classifier.fit(features, labels)
    books = []
    for truth in tests:
        features, labels = measured(truth, response, correlation, rng)
        books.append(ScoreBook(classifier.predict_proba(features)[:, 1], labels))
    return books


def filtered(maps):
    """S/N in each template of clusters of unit amplitude, and the correlation of its noise."""
    problem = FilterProblem(MatchedFilterFinder(), maps, None)
    matched = problem.separate().matched
    templates, clusters = (
        [template.transform(problem.grid.ell) for template in gnfw_templates(GAS * sizes)]
        for sizes in (SIZES, CLUSTERS)
    )

    def shared(one, other):
        both, alone = (matched.noise(one + other) ** -2, matched.noise(one) ** -2)
        return (both - alone - matched.noise(other) ** -2) / 2

    noise = np.array([matched.noise(template) for template in templates])
    response = [[shared(cluster, one) for one in templates] for cluster in clusters] * noise
    correlation = [[shared(one, other) for one in templates] for other in templates]
    return response, correlation * np.outer(noise, noise)


def measured(truth, response, correlation, rng):
    """S/N of the halos of a truth table in the noise, and which of them are clusters."""
    halos = truth[truth["mvir"] >= FLOOR * u.Msun]
    size = np.log(halos["theta500"].to_value(u.arcmin))
    unit = np.transpose([np.interp(size, np.log(CLUSTERS), row) for row in response.T])
    noise = rng.standard_normal(unit.shape) @ np.linalg.cholesky(correlation).T
    return np.asarray(halos["y_c"])[:, None] * unit + noise, select_halos(halos)
