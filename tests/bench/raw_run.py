"""A stored run's raw records, read without any of the project's own code: an independent oracle.

Formats: proto/synergy/v1/records.proto, common/records/readings.h, common/records/markers.h.
"""
import bisect
import pathlib
import re
import sqlite3
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETUP_OPS = (0xFFFFFFFE, 0xFFFFFFFD)  # kOpLoad, kOpInit
NET_OP = 0xFFFFFFFF
FIRST_NO_OPERATOR = 0xFFFFFFF0
MEASURE = 4


def varints(data):
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0


def signed(value):
    return (value >> 1) ^ -(value & 1)


def readings(data):
    """(begin of the read in ns, its end, raw, freshness) of each reading of a chunk."""
    numbers, begin, raw = varints(data), 0, 0
    for step in numbers:
        begin += signed(step)
        end = begin + next(numbers)
        raw += signed(next(numbers))
        yield begin, end, raw, next(numbers)


def markers(data):
    """(begin, end, op, iteration, thread, phase) of each marker of a chunk."""
    numbers, end, op, iteration = varints(data), 0, -1, 0
    for step in numbers:
        begin = end + signed(step)
        end = begin + next(numbers)
        op = (op + 1 + signed(next(numbers))) & 0xFFFFFFFF
        iteration += signed(next(numbers))
        thread = next(numbers)
        yield begin, end, op, iteration, thread, next(numbers) % 8


def header_channels(data):
    """{channel: (rail, quantity, scale)} of the run's header, decoded by protoc."""
    numbers = varints(data)
    length = next(numbers)
    start = next(i for i, byte in enumerate(data) if byte < 0x80) + 1
    text = subprocess.run(
        ["protoc", f"-I{ROOT / 'proto'}", "--decode=synergy.v1.RunRecord", "synergy/v1/records.proto"],
        input=data[start:start + length], capture_output=True, check=True).stdout.decode()
    channels, fields = {}, None
    for line in text.splitlines():  # "    channel: 2" inside "  channels {" ... "  }"
        if line == "  channels {":
            fields = {}
        elif line == "  }" and fields is not None:
            channels[int(fields["channel"])] = (fields["rail"], fields["quantity"], float(fields["scale"]))
            fields = None
        elif fields is not None and (pair := re.fullmatch(r'    (\w+): "?(.*?)"?', line)):
            fields[pair[1]] = pair[2]
    return channels


class RawRun:
    def __init__(self, store, run_id):
        self.markers, self.channels, series = [], {}, {}
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
            rows = db.execute("SELECT channel, data FROM chunks JOIN runs USING (board, run) "
                              "WHERE run_id = ? ORDER BY seq", (run_id,))
            for channel, data in rows:
                if channel == 0:
                    self.channels = self.channels or header_channels(data)
                elif channel == 1:
                    self.markers += markers(data)
                else:
                    series.setdefault(channel, []).extend(
                        (begin + (end - begin) / 2, raw) for begin, end, raw, _ in readings(data))
        self.power = {}  # rail -> [(ns, W)]
        by_quantity = {(rail, quantity): [(t, raw * scale) for t, raw in series.get(channel, [])]
                       for channel, (rail, quantity, scale) in self.channels.items()}
        for rail in {rail for rail, _ in by_quantity}:
            volts = by_quantity[rail, "QUANTITY_VOLTAGE"]
            self.power[rail] = [(t, amps * interpolate(volts, t))
                                for t, amps in by_quantity[rail, "QUANTITY_CURRENT"]]

    def whole(self):
        """[begin of the setup, end of the last measured iteration]"""
        begin = min(m[0] for m in self.markers if m[2] in SETUP_OPS)
        return begin, max(m[1] for m in self.markers if m[5] == MEASURE and m[2] < FIRST_NO_OPERATOR)

    def operator_share_of_iterations(self):
        """Sum of the operators' times by sum of the iterations' times, measured phase."""
        measured = [m for m in self.markers if m[5] == MEASURE]
        ops = sum(m[1] - m[0] for m in measured if m[2] < FIRST_NO_OPERATOR)
        return ops / sum(m[1] - m[0] for m in measured if m[2] == NET_OP)


def interpolate(points, t):
    at = bisect.bisect(points, (t,))
    if at == 0 or at == len(points):
        return points[min(at, len(points) - 1)][1]
    (t0, y0), (t1, y1) = points[at - 1], points[at]
    return y0 + (y1 - y0) * (t - t0) / (t1 - t0)


def integral(points, begin, end):
    """Of the piecewise linear function through `points`, in unit x s."""
    inside = [p for p in points if begin < p[0] < end]
    ends = [(begin, interpolate(points, begin)), *inside, (end, interpolate(points, end))]
    return sum((y0 + y1) / 2 * (t1 - t0) for (t0, y0), (t1, y1) in zip(ends, ends[1:])) * 1e-9
