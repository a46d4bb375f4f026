"""Which seeds of simulated skies may be used for what: the one place that keeps them apart.

A network sees `TRAINING_SEEDS` and stops by `VALIDATION_SEEDS`, on which thresholds and
calibrations are chosen too; ensembles of networks learn from `ENSEMBLE_SEEDS`, on which these
answer as they do on any sky; constants of the package are tuned on `TUNING_SEEDS`. What is claimed
is measured on `TEST_SEEDS`, and on nothing else.
"""

__all__ = ["ENSEMBLE_SEEDS", "TEST_SEEDS", "TRAINING_SEEDS", "TUNING_SEEDS", "VALIDATION_SEEDS"]

TUNING_SEEDS = range(1_000, 2_000)
VALIDATION_SEEDS = range(20_000, 25_000)
ENSEMBLE_SEEDS = range(25_000, 30_000)
TEST_SEEDS = range(30_000, 40_000)
TRAINING_SEEDS = range(1_000_000, 2_000_000)
