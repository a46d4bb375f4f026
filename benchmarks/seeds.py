"""Seeds of mock skies: those that may be tuned on, and those that claims are measured on."""

from szfinder.training.seeds import TEST_SEEDS, TUNING_SEEDS

__all__ = ["TEST_SEEDS", "TUNING_SEEDS"]
