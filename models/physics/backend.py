"""The few operations that NumPy, xarray and PyTensor do not share.

``np.exp``, ``np.log``, ``np.sqrt``, ``np.tanh``, ``np.log1p`` and ``abs`` act on all three;
selection, error functions and sums over quadrature nodes do not, and are dispatched here. Neither
xarray nor PyTensor is ever imported: whoever holds one of their objects has imported them already.
"""

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np
from scipy import special

__all__ = [
    "Numeric",
    "elementwise",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "in_si",
    "is_pytensor",
    "is_xarray",
    "join",
    "kernel",
    "maximum",
    "minimum",
    "positive_power",
    "softplus",
    "sum_over_nodes",
    "take",
    "where",
]

type Numeric = Any
"""A float, a NumPy array, an xarray DataArray or a PyTensor variable."""


def is_pytensor(*values: Numeric) -> bool:
    """Whether any of the values is a PyTensor variable."""
    module = sys.modules.get("pytensor.graph.basic")
    variable = getattr(module, "Variable", None)
    return variable is not None and any(isinstance(value, variable) for value in values)


def is_xarray(*values: Numeric) -> bool:
    """Whether any of the values is an xarray DataArray."""
    module = sys.modules.get("xarray")
    data_array = getattr(module, "DataArray", None)
    return data_array is not None and any(isinstance(value, data_array) for value in values)


def kernel[**P](function: Callable[P, Numeric]) -> Callable[P, Numeric]:
    """Make an elementwise function one operation where an argument is a PyTensor variable.

    Models compile in a fraction of the time: see `models.kernels`.

    Parameters
    ----------
    function : callable
        Of positional array_like arguments, elementwise in all of them: no sums over an axis, no
        branches on values other than by ``where``. NumPy and xarray arguments reach it unchanged.

    Returns
    -------
    callable
        The same function. Its first derivatives exist in PyTensor, its second do not.
    """
    called = signature(function)

    @wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> Numeric:
        if not is_pytensor(*arguments, *named.values()):
            return function(*arguments, **named)
        from models.kernels import apply_kernel

        bound = called.bind(*arguments, **named)
        bound.apply_defaults()
        return apply_kernel(function, tuple(bound.arguments.values()))

    return call


def where(condition: Numeric, if_true: Numeric, if_false: Numeric) -> Numeric:
    """Select elementwise; both alternatives must be finite for gradients to be finite."""
    if isinstance(condition, bool):
        condition = np.bool_(condition)
    if is_pytensor(condition, if_true, if_false):
        return sys.modules["pytensor.tensor"].switch(condition, if_true, if_false)
    if is_xarray(condition, if_true, if_false):
        return sys.modules["xarray"].where(condition, if_true, if_false)
    selected: Numeric = np.where(condition, if_true, if_false)
    return selected[()]


def maximum(value: Numeric, bound: Numeric) -> Numeric:
    """Return the larger of the two, elementwise; where equal, the gradient is the value's."""
    return where(value >= bound, value, bound)


def minimum(value: Numeric, bound: Numeric) -> Numeric:
    """Return the smaller of the two, elementwise; where equal, the gradient is the bound's."""
    return where(value < bound, value, bound)


def _special(name: str, value: Numeric) -> Numeric:
    module = sys.modules["pytensor.tensor"] if is_pytensor(value) else special
    return getattr(module, name)(value)


def take(array: Numeric, rows: np.ndarray[Any, Any]) -> Numeric:
    """Return the entries of the last axis at `rows`; a PyTensor variable has one axis only."""
    return array[rows] if is_pytensor(array) else np.asarray(array)[..., rows]


def join(parts: Sequence[tuple[np.ndarray[Any, Any], Numeric]]) -> Numeric:
    """Lay parts of the last axis together, each a pair of its rows and its values.

    Parts are laid together and never written over each other: gradients through an overwritten
    entry were found wrong in PyTensor's Numba mode.
    """
    parts = [(rows, values) for rows, values in parts if rows.size]
    if len(parts) == 1:
        return parts[0][1]
    order = np.argsort(np.concatenate([rows for rows, _ in parts]))
    if is_pytensor(*(values for _, values in parts)):
        return sys.modules["pytensor.tensor"].concatenate([v for _, v in parts])[order]
    return np.concatenate([values for _, values in parts], axis=-1)[..., order]


def erf(value: Numeric) -> Numeric:
    """Error function."""
    return _special("erf", value)


def erfc(value: Numeric) -> Numeric:
    """Complementary error function."""
    return _special("erfc", value)


def erfcinv(value: Numeric) -> Numeric:
    """Inverse of the complementary error function."""
    return _special("erfcinv", value)


def erfcx(value: Numeric) -> Numeric:
    """Scaled complementary error function ``exp(x^2) erfc(x)``."""
    return _special("erfcx", value)


def softplus(value: Numeric) -> Numeric:
    """Return ``ln(1 + exp(x))`` without overflow."""
    if is_pytensor(value):
        return sys.modules["pytensor.tensor"].softplus(value)
    return np.logaddexp(0.0, value)


def positive_power(base: Numeric, exponent: Numeric) -> Numeric:
    """Raise a base >= 0 to an exponent > 0, with zero gradients at base = 0."""
    positive = base > 0
    return where(positive, np.exp(exponent * np.log(where(positive, base, 1.0))), 0.0)


def sum_over_nodes(
    term: Callable[..., Numeric], nodes: Sequence[np.ndarray[Any, Any]], *arguments: Numeric
) -> Numeric:
    """Sum ``term(*node, *arguments)`` over the nodes of a quadrature or of a series.

    Parameters
    ----------
    term : callable
        Elementwise function of one value from each array of `nodes` and of the arguments.
    nodes : sequence of ndarray, each of shape (n,)
        For instance weights and abscissae.
    *arguments : array_like
        Broadcast against each other.

    Returns
    -------
    array_like
        The sum, of the broadcast shape of the arguments. PyTensor sums over one trailing axis, so
        that the graph stays small; NumPy and xarray accumulate, so that memory stays small and no
        axis needs a name.
    """
    if is_pytensor(*arguments):
        tensor = sys.modules["pytensor.tensor"]
        padded = [tensor.shape_padright(tensor.as_tensor_variable(value)) for value in arguments]
        return term(*nodes, *padded).sum(axis=-1)
    total: Numeric = 0.0
    for node in zip(*(values.tolist() for values in nodes), strict=True):
        total = total + term(*node, *arguments)
    return total


def elementwise(kernel: Callable[..., Numeric], *arguments: Numeric) -> Numeric:
    """Apply a NumPy-only kernel to floats, NumPy arrays or xarray DataArrays.

    Parameters
    ----------
    kernel : callable
        Takes and returns NumPy float arrays of one shape.
    *arguments : array_like
        Broadcast against each other.

    Returns
    -------
    array_like
        What the kernel returns; labelled if any argument is.

    Raises
    ------
    TypeError
        If an argument is a PyTensor variable: a root has no symbolic form here.
    """
    if is_pytensor(*arguments):
        raise TypeError(
            "this function solves for a root and takes NumPy arrays and xarray DataArrays only, "
            "not PyTensor variables; in a model, use the current density as a function of time "
            "and its log slope instead"
        )

    def on_arrays(*values: Numeric) -> Numeric:
        return kernel(*np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in values)))

    if is_xarray(*arguments):
        return sys.modules["xarray"].apply_ufunc(on_arrays, *arguments, keep_attrs=False)
    return on_arrays(*arguments)[()]


def in_si[**P](units: str) -> Callable[[Callable[P, Numeric]], Callable[P, Numeric]]:
    """Label what a function returns for xarray arguments with its own name and unit.

    xarray hands the attributes of an argument on to the result of arithmetic, which would label a
    potential with the unit of a surface energy.

    Parameters
    ----------
    units : str
        SI unit of the result.

    Returns
    -------
    callable
        The decorator.
    """

    def decorate(function: Callable[P, Numeric]) -> Callable[P, Numeric]:
        @wraps(function)
        def labelled(*args: P.args, **kwargs: P.kwargs) -> Numeric:
            result = function(*args, **kwargs)
            if is_xarray(result):
                name = function.__name__
                result = result.rename(name)
                result.attrs = {"units": units, "long_name": name.replace("_", " ")}
            return result

        return labelled

    return decorate
