"""Say in an error where it happened."""

__all__ = ["put_in_front"]


def put_in_front(error: Exception, where: object) -> None:
    """Put a place in front of the message of an error, which stays the same error otherwise.

    Parameters
    ----------
    error : Exception
        The error, about to be raised again.
    where : object
        As a string, the tile or the finder in which it happened.
    """
    if len(error.args) == 1 and isinstance(error.args[0], str):
        error.args = (f"{where}: {error}",)
    else:
        error.add_note(f"in {where}")
