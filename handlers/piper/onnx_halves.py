"""Divides an ONNX graph in two, at the tensors between the nodes of one name and those before them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

AXES = ("first", "second", "third")  # of a tensor between the halves; their lengths are not fixed


class NotDivisible(ValueError):
    """The graph can't be divided there; the message says why."""


@dataclass(frozen=True)
class Halves:
    """Two models, serialized. between: the names of the first one's outputs, which are the second one's inputs."""

    first: bytes
    second: bytes
    between: tuple[str, ...]


def divide(file: Path, prefix: str) -> Halves:
    """The nodes whose names begin with `prefix`, and all that needs them, become the second half.

    The tensors between are float32 with three axes. Raises NotDivisible, also where the onnx package is missing, and
    OSError where the file can't be read.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise NotDivisible("the onnx package is missing: pip install -r requirements-piper.txt") from error
    try:
        model = onnx.load(str(file))
    except DecodeError as error:
        raise NotDivisible(f"{file.name} is no ONNX model") from error
    first, second = _nodes(model.graph, prefix)
    copied = {name for node in second if node.op_type == "Constant" for name in node.output}
    made_first = {name for node in first for name in node.output} - copied
    between = tuple(dict.fromkeys(name for node in second for name in node.input if name in made_first))
    inputs = {tensor.name for tensor in model.graph.input}
    if inputs & {name for node in second for name in node.input}:
        raise NotDivisible(f"what is called {prefix}… reads the model's inputs itself")
    if any(attribute.HasField("g") for node in model.graph.node for attribute in node.attribute):
        raise NotDivisible("it has branches or loops, which may read anything")
    if not between:
        raise NotDivisible(f"no node of it is called {prefix}…")
    tensors = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(AXES)) for name in between]
    made_second = {name for node in second for name in node.output}
    outputs = [output for output in model.graph.output if output.name in made_second]
    return Halves(
        _serialized(onnx, model, first, list(model.graph.input), tensors),
        _serialized(onnx, model, second, tensors, outputs),
        between,
    )


def _nodes(graph: Any, prefix: str) -> tuple[list[Any], list[Any]]:
    """(what comes before, what is called so or needs it), in the graph's order; the second has constants of its own."""
    first, second, reached = [], [], set[str]()
    for node in graph.node:
        if node.name.startswith(prefix) or reached & set(node.input):
            second.append(node)
            reached |= set(node.output)
        else:
            first.append(node)
    needed = {name for node in second for name in node.input}
    return first, [*(node for node in first if node.op_type == "Constant" and needed & set(node.output)), *second]


def _serialized(onnx: Any, model: Any, nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> bytes:
    own = {name for node in nodes for name in node.input}
    weights = [weight for weight in model.graph.initializer if weight.name in own]
    graph = onnx.helper.make_graph(nodes, model.graph.name, inputs, outputs, weights)
    half = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return bytes(half.SerializeToString())
