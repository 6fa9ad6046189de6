"""Int8 weights in the form in which a CPU with VNNI multiplies twice as fast, with the same result to the last bit.

FunASR quantises weights to unsigned bytes. VNNI multiplies unsigned by signed ones, and onnxruntime has no fast kernel
for two unsigned operands. A weight w with zero point z is (w - 128) with zero point (z - 128), so both are moved by 128
(their highest bit is turned over) when the file is read. Without VNNI the signed kernel is no faster, and may overflow:
then the file is left as it is.

The file is edited as bytes of protocol buffers, so that the package onnx is not needed (onnx.proto3: ModelProto.graph
is field 7; GraphProto.node 1, initializer 5; NodeProto.input 1, op_type 4; TensorProto.dims 1, data_type 2, int32_data
5, name 8, raw_data 9).
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

_GRAPH, _NODE, _INITIALIZER = 7, 1, 5
_INPUT, _OP_TYPE = 1, 4
_DIMS, _DATA_TYPE, _INT32_DATA, _NAME, _RAW_DATA = 1, 2, 5, 8, 9
_UINT8, _INT8 = 2, 3
_VARINT, _BYTES = 0, 2
_FIXED = {1: 8, 5: 4}  # bytes of the other wire types


@cache
def cpu_has_vnni() -> bool:
    """Tell whether this CPU multiplies signed by unsigned bytes in one step; known on Linux only."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_vnni" in flags or "avx_vnni" in flags


def with_signed_weights(model: bytes) -> bytes:
    """Make the unsigned weights of all integer matrix products signed; what has none comes back as it is.

    Raises:
        ValueError: these are no protocol buffers.
    """
    view = memoryview(model)
    pieces: list[bytes | memoryview] = []
    for field, kind, start, begin, end in _fields(view, 0, len(view)):
        if field == _GRAPH and kind == _BYTES:
            graph = _graph(view, begin, end)
            pieces += [_key(_GRAPH, _BYTES), _varint(sum(map(len, graph))), *graph]
        else:
            pieces.append(view[start:end])
    return b"".join(pieces)


def _graph(view: memoryview, begin: int, end: int) -> list[bytes | memoryview]:
    wanted = _weights(view, begin, end)
    pieces: list[bytes | memoryview] = []
    for field, _, start, content, stop in _fields(view, begin, end):
        tensor = _signed(view, content, stop) if field == _INITIALIZER and wanted else None
        if tensor is None or tensor[0] not in wanted:
            pieces.append(view[start:stop])
        else:
            pieces += [_key(_INITIALIZER, _BYTES), _varint(len(tensor[1])), tensor[1]]
    return pieces


def _weights(view: memoryview, begin: int, end: int) -> set[bytes]:
    """Find the names of weights and zero points that only integer matrix products use."""
    pairs: list[tuple[bytes, bytes]] = []
    others: set[bytes] = set()
    unsigned: set[bytes] = set()
    for field, _, _, content, stop in _fields(view, begin, end):
        if field == _INITIALIZER:
            tensor = _header(view, content, stop)
            if tensor[1] == _UINT8:
                unsigned.add(tensor[0])
        if field != _NODE:
            continue
        inputs, operation = [], b""
        for part, _, _, first, last in _fields(view, content, stop):
            if part == _INPUT:
                inputs.append(bytes(view[first:last]))
            elif part == _OP_TYPE:
                operation = bytes(view[first:last])
        if operation == b"MatMulInteger" and len(inputs) == 4:
            pairs.append((inputs[1], inputs[3]))
            others.update((inputs[0], inputs[2]))
        else:
            others.update(inputs)
    good = unsigned - others
    # Both of a pair move or neither: one pair that cannot keeps back all that share a part with it.
    while True:
        torn = {name for pair in pairs if not good.issuperset(pair) for name in pair} & good
        if not torn:
            return good & {name for pair in pairs for name in pair}
        good -= torn


def _header(view: memoryview, begin: int, end: int) -> tuple[bytes, int]:
    """Return name and data type of a tensor."""
    name, kind = b"", 0
    for field, _, _, content, stop in _fields(view, begin, end):
        if field == _NAME:
            name = bytes(view[content:stop])
        elif field == _DATA_TYPE:
            kind, _ = _read_varint(view, content)
    return name, kind


def _signed(view: memoryview, begin: int, end: int) -> tuple[bytes, bytes] | None:
    """Return name and contents of a tensor of unsigned bytes as one of signed bytes; None for other tensors."""
    name, kind = _header(view, begin, end)
    if kind != _UINT8:
        return None
    kept: list[bytes] = []
    values = np.zeros(0, dtype=np.uint8)
    for field, _, start, content, stop in _fields(view, begin, end):
        if field == _RAW_DATA:
            values = np.frombuffer(view[content:stop], dtype=np.uint8)
        elif field == _INT32_DATA:
            values = np.append(values, np.array(_read_varints(view, content, stop), dtype=np.uint8))
        elif field != _DATA_TYPE:
            kept.append(bytes(view[start:stop]))
    raw = (values ^ np.uint8(0x80)).tobytes()
    kept += [_key(_DATA_TYPE, _VARINT), _varint(_INT8), _key(_RAW_DATA, _BYTES), _varint(len(raw)), raw]
    return name, b"".join(kept)


def _fields(view: memoryview, begin: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield the fields of a message: number, wire type, where it starts, where its content starts and ends."""
    position = begin
    while position < end:
        start = position
        key, position = _read_varint(view, position)
        wire = key & 7
        content = position
        if wire == _VARINT:
            _, position = _read_varint(view, position)
        elif wire == _BYTES:
            length, content = _read_varint(view, position)
            position = content + length
        elif wire in _FIXED:
            position += _FIXED[wire]
        else:
            raise ValueError(f"no field of protocol buffers has the wire type {wire}")
        if position > end:
            raise ValueError("a field goes on behind the end of its message")
        yield key >> 3, wire, start, content, position


def _read_varint(view: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(view) or shift > 63:
            raise ValueError("a number breaks off")
        byte = view[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _read_varints(view: memoryview, begin: int, end: int) -> list[int]:
    values = []
    while begin < end:
        value, begin = _read_varint(view, begin)
        values.append(value)
    return values


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _key(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)
