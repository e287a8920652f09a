"""From a model to the C function that a sampler calls.

PyTensor turns the log-density and its gradient into a function that Numba has compiled, or has kept
from an earlier process. To call it from C takes a few lines of machine code more. Linked together
with them, the whole of it would be optimised anew in every process, which took a third of the time
of a compilation; here the two are compiled apart, and the one calls the other by its address.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite, prod
from threading import Lock
from typing import Any

import numpy as np

from data.arrays import Array
from models.joint import JointModel

__all__ = ["Density", "compile_copy", "compile_density", "interpreted"]


FAILED, NOT_FINITE = 1, 3
"""What the C function answers; both make the sampler's transition diverge, and 0 is success."""


@dataclass(frozen=True)
class Density:
    """The log-density of a model over one vector of unbounded coordinates.

    Parameters
    ----------
    size : int
        Length of the vector.
    centre, prior : callable
        Seed to a point near the middle of the prior, and to a draw of it, shape (size,).
    constrain : callable
        Draws of the vector, shape (..., size), to the free variables by name.
    data : mapping of Any to ndarray
        The model's data that are no constants, in the order of the C function's record.
    function : Any
        The function as PyTensor keeps it, and the code behind `address`.
    """

    size: int
    centre: Callable[[int | None], Array]
    prior: Callable[[int | None], Array]
    constrain: Callable[[Array], dict[str, Array]]
    data: Mapping[Any, Any]
    function: Any

    def c_function(self, record: np.dtype[Any]) -> Any:
        """Return the function in C: of the dimension, coordinates, gradient, density and data.

        Parameters
        ----------
        record : dtype
            Of the record that holds, as ``shared``, address and shape of each of `data`.

        Returns
        -------
        numba.CFunc
            With its ``address``.
        """
        import numba
        from numba import types

        evaluate = _by_address(self.function.vm.jit_fn, self.size, list(self.data.values()), record)
        size = self.size

        def call(dimension: Any, x: Any, gradient: Any, density: Any, data: Any) -> Any:
            if dimension != size:
                return FAILED
            try:
                value, slopes = evaluate(x, data)
                density[0] = value.item()
                finite = isfinite(density[0])
                for i in range(size):
                    gradient[i] = slopes[i]
                    finite = finite and isfinite(slopes[i])
            except Exception:
                return FAILED
            return 0 if finite else NOT_FINITE

        number = types.CPointer(types.double)
        return numba.cfunc(types.int64(types.uint64, number, number, number, types.voidptr))(call)


def interpreted() -> Any:
    """Return the mode in which NumPy evaluates a graph, operation by operation."""
    from pytensor.compile.mode import Mode
    from pytensor.graph.rewriting.db import RewriteDatabaseQuery
    from pytensor.link.vm import VMLinker

    linker = VMLinker(use_cloop=False, c_thunks=False)
    return Mode(linker, RewriteDatabaseQuery(include=["merge"]))


def compile_copy() -> Any:
    """Return the function in C that hands the coordinates on as they are."""
    import numba
    from numba import types

    def copy(dimension: Any, wanted: Any, x: Any, out: Any, data: Any) -> Any:  # noqa: ARG001
        for i in range(wanted):
            out[i] = x[i]
        return 0

    number = types.CPointer(types.double)
    return numba.cfunc(types.int64(types.uint64, types.uint64, number, number, types.voidptr))(copy)


def compile_density(joint: JointModel) -> Density:
    """Compile the log-density of a model and its gradient.

    Parameters
    ----------
    joint : JointModel
        Its ``pm.Data`` stay arguments of the function.

    Returns
    -------
    Density
        The function and what belongs to it.
    """
    import pytensor.tensor as pt
    from pymc.initial_point import make_initial_point_fn
    from pymc.pytensorf import compile as compile_function
    from pytensor.compile.mode import get_mode
    from pytensor.graph.replace import clone_replace
    from pytensor.graph.rewriting.utils import rewrite_graph

    model = joint.pymc
    near = make_initial_point_fn(
        model=model, jitter_rvs=set(model.free_RVs), return_transformed=True
    )
    drawn = make_initial_point_fn(
        model=model, default_strategy="prior", jitter_rvs=set(), return_transformed=True
    )
    values = [model.rvs_to_values[rv] for rv in model.free_RVs]
    point = near(0)
    shapes = [np.shape(point[value.name]) for value in values]
    ends = np.cumsum([prod(shape) for shape in shapes])
    places = [slice(end - prod(shape), end) for end, shape in zip(ends, shapes, strict=True)]
    size = int(ends[-1])

    rewrites = ["canonicalize", "stabilize"]
    if not model.check_bounds:
        rewrites.append("local_remove_check_parameter")
    density = rewrite_graph(model.logp(), include=rewrites)
    slopes = pt.concatenate([slope.ravel() for slope in pt.grad(density, values)])
    # The first two take a quarter of the time of rewriting, and the machine code is no faster for
    # them. The last takes sign(a / b) for sign(a) where b is positive, and loses the shape of b: in
    # the slope of abs(h), with one potential over many radii, PyTensor then prints that it failed.
    mode = get_mode("NUMBA").excluding("inplace_elemwise", "specialize", "local_sign_div")
    joined = pt.tensor("coordinates", shape=(size,), dtype="float64")
    parts = {
        value: joined[place].reshape(shape).astype(value.dtype)
        for value, place, shape in zip(values, places, shapes, strict=True)
    }
    with model, _scalars_once():
        function = compile_function([joined], clone_replace([density, slopes], parts), mode=mode)

    lock = Lock()  # chains start in threads of their own, and the functions hold random states

    def joined_values(point: Callable[[int | None], dict[str, Any]]) -> Any:
        def at(seed: int | None = None) -> Array:
            with lock:
                found = point(seed)
            return np.concatenate([np.ravel(found[value.name]) for value in values])

        return at

    backward = _backward(model, shapes)

    def constrain(draws: Array) -> dict[str, Array]:
        flat = draws.reshape(-1, size)
        rows = (flat[:, p].reshape(-1, *s) for p, s in zip(places, shapes, strict=True))
        found = backward(*rows)
        return {
            rv.name: np.asarray(each).reshape(*draws.shape[:-1], *shape)
            for rv, each, shape in zip(model.free_RVs, found, shapes, strict=True)
        }

    data = {
        shared: np.array(shared.get_value(), order="C", copy=True)
        for shared in function.get_shared()
    }
    return Density(size, joined_values(near), joined_values(drawn), constrain, data, function)


@contextmanager
def _scalars_once() -> Iterator[None]:
    """Let PyTensor hand each scalar operation to Numba once, not at each of its uses.

    A joint model has 3600 uses of 62 operations: a fifth of the time of a first compilation, and a
    tenth of later ones.
    """
    from pytensor.link.numba.dispatch import basic
    from pytensor.scalar import ScalarOp
    from pytensor.scalar.basic import ScalarInnerGraphOp

    handed = basic.numba_funcify_ensure_cache
    known: dict[Any, Any] = {}

    def once(op: Any, *arguments: Any, node: Any = None, **options: Any) -> Any:
        if not isinstance(op, ScalarOp) or isinstance(op, ScalarInnerGraphOp):
            return handed(op, *arguments, node=node, **options)
        kinds = [tuple(each.type.dtype for each in side) for side in (node.inputs, node.outputs)]
        key = (op, *kinds)
        if key not in known:
            known[key] = handed(op, *arguments, node=node, **options)
        return known[key]

    basic.numba_funcify_ensure_cache = once
    try:
        yield
    finally:
        basic.numba_funcify_ensure_cache = handed


def _backward(model: Any, shapes: list[tuple[int, ...]]) -> Callable[..., list[Any]]:
    """Return the function from many unbounded values of each free variable to the variables."""
    import pytensor.tensor as pt
    from pytensor import function

    many = [pt.tensor(shape=(None, *shape), dtype="float64") for shape in shapes]
    bounded = [
        each if transform is None else transform.backward(each, *rv.owner.inputs)
        for each, rv in zip(many, model.free_RVs, strict=True)
        for transform in [model.rvs_to_transforms[rv]]
    ]
    compiled: Callable[..., list[Any]] = function(many, bounded, mode=interpreted())
    return compiled


def _by_address(function: Any, size: int, data: list[Any], record: np.dtype[Any]) -> Any:
    """Return a function of Numba's that calls another, compiled already, by its address.

    Parameters
    ----------
    function : numba dispatcher
        Takes the coordinates and each of `data`.
    size : int
        Length of the coordinates.
    data : list of ndarray
        What it takes besides.
    record : dtype
        Where it finds them.

    Returns
    -------
    intrinsic
        Of the address of the coordinates and that of the record.
    """
    from numba import typeof, types
    from numba.core import cgutils
    from numba.core.imputils import impl_ret_new_ref
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array, populate_array

    taken = (types.Array(types.float64, 1, "C"), *(typeof(each) for each in data))
    function.get_call_template(taken, {})  # compiles it, or loads what is kept
    (compiled,) = function.overloads.values()
    made = compiled._asdict()  # of Numba's result, a named tuple
    address = made["library"].get_pointer_to_function(made["fndesc"].mangled_name)
    returned, (packed,) = compiled.signature.return_type, compiled.signature.args
    fields = _places(record, len(data))

    @intrinsic  # type: ignore[untyped-decorator]
    def evaluate(typing: Any, x: Any, where: Any) -> Any:  # noqa: ARG001 - Numba's signature
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
            index = context.get_value_type(types.intp)

            def number(value: int) -> Any:
                return context.get_constant(types.intp, value)

            def stored(offset: int) -> Any:
                place = cgutils.pointer_add(builder, arguments[1], number(offset))
                return builder.load(builder.bitcast(place, index.as_pointer()))

            def array(kind: Any, pointer: Any, shape: list[Any]) -> Any:
                made = make_array(kind)(context, builder)
                width = context.get_abi_sizeof(context.get_data_type(kind.dtype))
                steps = [number(width)]
                for length in shape[:0:-1]:
                    steps.insert(0, builder.mul(steps[0], length))
                populate_array(
                    made,
                    data=builder.bitcast(pointer, made.data.type),
                    shape=shape,
                    strides=steps[: len(shape)],
                    itemsize=width,
                    meminfo=None,
                )
                return made._getvalue()

            values = [array(taken[0], arguments[0], [number(size)])]
            for kind, (pointer, shape) in zip(taken[1:], fields, strict=True):
                lengths = [stored(shape + index.width // 8 * i) for i in range(kind.ndim)]
                memory = builder.inttoptr(stored(pointer), cgutils.voidptr_t)
                values.append(array(kind, memory, lengths))
            convention = context.call_conv
            kind = convention.get_function_type(returned, (packed,))
            callee = builder.inttoptr(context.get_constant(types.uintp, address), kind.as_pointer())
            together = context.make_tuple(builder, packed, values)
            status, result = convention.call_function(
                builder, callee, returned, (packed,), [together]
            )
            with cgutils.if_unlikely(builder, status.is_error):
                convention.return_status_propagate(builder, status)
            return impl_ret_new_ref(context, builder, returned, result)

        return returned(x, where), generate

    return evaluate


def _places(record: np.dtype[Any], count: int) -> list[tuple[int, int]]:
    """Return where the address and the shape of each array lie in the record [bytes]."""
    if not count:
        return []
    fields: Any = record.fields
    shared, start = fields["shared"][:2]
    places = {}
    for group in ("data", "shape"):
        inner, offset = shared.fields[group][:2]
        places[group] = {name: start + offset + inner.fields[name][1] for name in inner.names}
    return [(places["data"][name], places["shape"][name]) for name in places["data"]]
