"""Elementwise functions as single operations of a PyTensor graph.

A law is dozens of operations and its gradient hundreds, and a model takes time to compile by their
number. A `kernel` enters the graph as one operation for the function and one for each partial
derivative that is asked for, differentiated once a process; just before code is generated, those
with the same arguments become one operation that shares what they have in common.
"""

import warnings
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import cache
from typing import Any

import numpy as np
from pytensor.compile.mode import optdb
from pytensor.gradient import grad
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.graph.traversal import toposort
from pytensor.scalar import Composite, ScalarConstant, ScalarOp, float64, get_scalar_type
from pytensor.tensor import as_tensor, dscalar
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.rewriting.basic import constant_folding
from pytensor.tensor.rewriting.math import local_pow_specialize, local_pow_to_nested_squaring

from models.compiled_cache import guard_cache

__all__ = ["apply_kernel"]

# Models are compiled by Numba, which brings its own linear algebra: what PyTensor's compiler of C
# would link with is no news to a reader.
warnings.filterwarnings("ignore", message="PyTensor could not link to a BLAS")

guard_cache()  # before anything is compiled

_POWERS = dfs_rewriter(constant_folding, local_pow_specialize, local_pow_to_nested_squaring)

_BUILDING: ContextVar[bool] = ContextVar("building", default=False)


def apply_kernel(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Apply an elementwise function as one operation.

    Parameters
    ----------
    function : callable
        Takes and returns tensors.
    arguments : sequence of array_like
        Any of them may be a PyTensor variable.

    Returns
    -------
    tensor
        With first derivatives, without second.
    """
    if _BUILDING.get():  # a kernel within a kernel is part of it
        return function(*arguments)
    family = _family(function, len(arguments))
    return family.operation(0)(*(as_tensor(each, dtype="float64") for each in arguments))


class _Family:
    """An elementwise function and its partial derivatives as scalar graphs.

    Parameters
    ----------
    function : callable
        Takes and returns tensors.
    arity : int
        How many arguments it takes.
    """

    def __init__(self, function: Callable[..., Any], arity: int) -> None:
        self.name = function.__name__
        self.function = function
        arguments = [dscalar(f"x{i}") for i in range(arity)]
        token = _BUILDING.set(True)
        try:
            value = function(*arguments)
        finally:
            _BUILDING.reset(token)
        slopes = grad(value, arguments, disconnected_inputs="ignore", return_disconnected="zero")
        # Powers become products; the compiler does the rest of what rewriting could do.
        graph = FunctionGraph(arguments, [value, *slopes])
        _POWERS.rewrite(graph)
        results = graph.outputs
        self.inputs = _inputs(arity)
        scalars: dict[Any, Any] = dict(zip(graph.inputs, self.inputs, strict=True))

        def scalar(variable: Any) -> Any:
            if variable not in scalars:  # a constant
                kind = get_scalar_type(variable.type.dtype)
                scalars[variable] = ScalarConstant(kind, variable.data[()])
            return scalars[variable]

        for node in toposort(results):
            made = node.op.scalar_op.make_node(*(scalar(each) for each in node.inputs))
            scalars |= dict(zip(node.outputs, made.outputs, strict=True))
        self.outputs = [scalar(each) for each in results]
        self._operations: dict[int, Any] = {}

    def operation(self, index: int) -> Any:
        """Return the function (0) or one of its partial derivatives, counted from 1."""
        if index not in self._operations:
            self._operations[index] = _Elementwise(_Kernel(self, index))
        return self._operations[index]


@cache
def _inputs(arity: int) -> list[Any]:
    """Return the scalars that all families of so many arguments are written in."""
    return [float64(f"x{i}") for i in range(arity)]


@cache
def _family(function: Callable[..., Any], arity: int) -> _Family:
    return _Family(function, arity)


@cache
def _composite(members: tuple["_Kernel", ...]) -> Any:
    """Return functions of the same arguments as one operation that PyTensor can compile."""
    first = members[0].family
    return Composite(first.inputs, [each.family.outputs[each.index] for each in members])


class _Kernel(ScalarOp):  # type: ignore[misc]
    """One member of a family.

    Parameters
    ----------
    family : _Family
        The function.
    index : int
        Which of its outputs.
    """

    __props__ = ("family", "index")

    def __init__(self, family: _Family, index: int) -> None:
        self.family = family
        self.index = index
        super().__init__(name=f"{family.name}[{index}]")
        self.nin, self.nout = len(family.inputs), 1

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Kernel) and self.family is other.family and self.index == other.index
        )

    def __hash__(self) -> int:
        return hash((id(self.family), self.index))

    def output_types(self, types: Any) -> list[Any]:  # noqa: ARG002 - PyTensor's signature
        return [float64]

    def impl(self, *inputs: Any) -> Any:
        # Python's floats would let constants stored as float32 decide the precision.
        return _composite((self,)).impl(*map(np.float64, inputs))

    def pullback(self, inputs: Any, outputs: Any, output_grads: Any) -> list[Any]:  # noqa: ARG002
        if self.index:
            raise NotImplementedError(f"{self.family.name}: a kernel has no second derivatives")
        members = (_Kernel(self.family, 1 + i) for i in range(self.nin))
        return [output_grads[0] * member(*inputs) for member in members]


class _Elementwise(Elemwise):  # type: ignore[misc]
    """A kernel over tensors, which NumPy evaluates by the function itself."""

    def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
        kernel = self.scalar_op
        if kernel.index:
            super().perform(node, inputs, output_storage)
        else:
            value = np.asarray(kernel.family.function(*inputs), dtype=np.float64)
            output_storage[0][0] = value


@node_rewriter([Elemwise])  # type: ignore[untyped-decorator]
def _unite(fgraph: Any, node: Any) -> Any:
    """Put kernels that have the same arguments into one operation."""
    kernel = node.op.scalar_op
    if not isinstance(kernel, _Kernel):
        return None
    found = {kernel: node.outputs[0]}
    for client, _ in fgraph.clients[node.inputs[0]]:
        other = getattr(client.op, "scalar_op", None)
        if isinstance(other, _Kernel) and client.inputs == node.inputs:
            found[other] = client.outputs[0]
    members = tuple(sorted(found, key=lambda member: (member.family.name, member.index)))
    united = Elemwise(_composite(members))(*node.inputs, return_list=True)
    return {found[member]: output for member, output in zip(members, united, strict=True)}


# Just before elementwise operations are fused, by 49.
optdb.register("unite_kernels", dfs_rewriter(_unite), "fast_run", position=48.5)
