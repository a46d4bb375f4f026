"""What may be wrong with the mass of a cluster."""

__all__ = ["MASS_FLAGS"]

#: Bits of the column ``mass_flags``.
MASS_FLAGS = {"edge": 1, "masked": 2, "no_redshift": 4, "outside": 8, "unlike": 16}
