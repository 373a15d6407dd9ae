"""Frames of HTTP/2 (RFC 9113) made by hand, behind TLS with a paired host's certificate: what no gRPC client sends."""
import pathlib
import re
import socket
import ssl
import struct

DATA, HEADERS, RST_STREAM, SETTINGS = 0, 1, 3, 4
END_HEADERS = 4
CANCEL = 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header field without indexing, its name and value as they are (RFC 7541, 6.2.2)."""
    return b"\x00" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


def call(stream, method):
    """The beginning of a gRPC call; its message has still to come."""
    fields = ((":method", "POST"), (":scheme", "https"), (":path", f"/synergy.v1.Device/{method}"),
              (":authority", "x"), ("content-type", "application/grpc"), ("te", "trailers"))
    return frame(HEADERS, END_HEADERS, stream, b"".join(literal(*field) for field in fields))


def reset(stream):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL))


def certificate_of(board, file):
    """Writes the certificate and the key of the only pairing that `board`'s host has to `file`."""
    (pairing,) = (board.scratch / ".config/synergy/boards").iterdir()
    text = pairing.read_text()
    pems = (re.search(rf'{name}: "(.*)"', text)[1].replace("\\n", "\n") for name in ("certificate_pem", "key_pem"))
    pathlib.Path(file).write_text("".join(pems))
    return file


def connect(port, certificate):
    """A TLS connection on which HTTP/2 was chosen."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2"])
    connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10))
    assert connection.selected_alpn_protocol() == "h2"
    return connection


def drain(connection):
    """Reads what is there."""
    connection.settimeout(0)
    try:
        while connection.recv(1 << 16):
            pass
    except ssl.SSLWantReadError:
        pass
    finally:
        connection.settimeout(10)


def begin(connection):
    """Waits for the first byte of the answer."""
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0))
    return connection.recv(1)


def open_and_reset(connection, method, count):
    """Opens and resets calls as fast as the other side reads; how many, where it stops to read or closes."""
    at_once = 500
    for sent in range(0, count, at_once):
        streams = range(2 * sent + 1, 2 * (sent + at_once), 2)
        try:
            connection.sendall(b"".join(call(stream, method) + reset(stream) for stream in streams))
            drain(connection)
        except OSError:
            return sent
    return count
