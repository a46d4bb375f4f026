"""Seeds of mock skies: those that may be tuned on, and those that claims are measured on."""

TUNING_SEEDS = range(1_000, 2_000)
TEST_SEEDS = range(30_000, 31_000)
