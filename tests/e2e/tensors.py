"""Arrays of floats as .npy, tensors and models as ONNX: as much as the tests need, in plain Python."""
import array
import ast
import math
import struct


TYPE_CODES = {"<f4": "f", "<i8": "q"}


def write_npy(path, dims, values, descr="<f4", fortran=False):
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {tuple(dims)}, }}"
    header += " " * (-(11 + len(header)) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header.encode()
                     + array.array(TYPE_CODES.get(descr, "f"), values).tobytes())


def read_npy(path):
    """(dims, values) of a float32 array."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<H", data, 8)
    header = ast.literal_eval(data[10:10 + length].decode())
    assert data[:8] == b"\x93NUMPY\x01\0" and header["descr"] == "<f4" and not header["fortran_order"]
    return header["shape"], array.array("f", data[10 + length:]).tolist()


def fields(message):
    """(number, value) of each field of a protobuf message."""
    at = 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            yield key >> 3, message[at:at + size]
            at += size


def read_tensor(path):
    """(dims, values) of a serialized ONNX TensorProto of float32."""
    dims, values = [], []
    for number, value in fields(path.read_bytes()):
        if number == 1:
            if isinstance(value, int):
                dims.append(value)
            else:  # packed
                dims += [v for _, v in fields(b"".join(b"\x08" + bytes([b]) for b in value))]
        elif number == 4:
            values += array.array("f", value)
        elif number == 9:
            values += array.array("f", value)
    assert len(values) == math.prod(dims), path
    return tuple(dims), values


def field(number, value):
    """A field of a protobuf message: a number, text, bytes or a message."""
    def varint(n):
        out = b""
        while n > 0x7F:
            out += bytes([n & 0x7F | 0x80])
            n >>= 7
        return out + bytes([n])

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def value_info(name, dims, elem_type=1):
    """A dimension that is a name is open."""
    shape = b"".join(field(1, field(2 if isinstance(d, str) else 1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, elem_type) + field(2, shape)))


def node(op, inputs, outputs):
    return (b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs)
            + field(3, outputs[0] + "_node") + field(4, op))


def tensor(name, dims, raw=b"", external=None, checksum=None):
    """An initializer of float32, its elements in the model or in the file `external`."""
    head = b"".join(field(1, d) for d in dims) + field(2, 1) + field(8, name)
    if external is None:
        return head + field(9, raw)
    head += field(13, field(1, "location") + field(2, external))
    if checksum is not None:
        head += field(13, field(1, "checksum") + field(2, checksum))
    return head + field(14, 1)


def onnx(nodes, inputs, outputs, initializers=()):
    graph = b"".join(field(1, n) for n in nodes) + field(2, "graph")
    graph += b"".join(field(5, t) for t in initializers)
    graph += b"".join(field(11, value_info(*i)) for i in inputs)
    graph += b"".join(field(12, value_info(*o)) for o in outputs)
    return field(1, 7) + field(7, graph) + field(8, field(1, "") + field(2, 11))
