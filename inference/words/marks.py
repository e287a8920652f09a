"""What stands beside numbers that are not to be taken as they are."""

__all__ = ["marks"]


def marks(*, synthetic: bool, passed: bool) -> str:
    """Return what must stand beside numbers that are not to be taken as they are."""
    marks = [*(["SYNTHETIC DATA"] if synthetic else []), *([] if passed else ["NOT CONVERGED"])]
    return ", ".join(marks)
