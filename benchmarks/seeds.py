"""Seeds of mock skies: those that may be tuned on, and those that claims are measured on."""

TUNING_SEEDS = range(1_000, 2_000)
TEST_SEEDS = range(20_000, 21_000)
