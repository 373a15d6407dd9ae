#!/usr/bin/env python3
"""Exports against the store: every stamp, name and number of the timelines, and csv there and back.

usage: perfetto_bar.py ITERATIONS BOARD...     simulated boards, squeezenet in virtual time

The trace is decoded by protoc with Perfetto's public definitions as they are written down here, and the store's chunks
are read by raw_run.py, so neither shares a line with what wrote them.
"""
import bisect
import collections
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import time

from raw_run import markers, readings

BIN = pathlib.Path(os.environ["SYNERGY_BIN"]).resolve()
ROOT = pathlib.Path(__file__).resolve().parents[2]

# From google/perfetto, protos/perfetto/trace/: the fields that a timeline may have.
PERFETTO = """
syntax = "proto2";
package perfetto.protos;
message Trace { repeated TracePacket packet = 1; }
message TracePacket {
  optional uint64 timestamp = 8;
  optional uint32 timestamp_clock_id = 58;
  oneof data {
    ClockSnapshot clock_snapshot = 6;
    TrackEvent track_event = 11;
    TrackDescriptor track_descriptor = 60;
  }
  oneof optional_trusted_packet_sequence_id { uint32 trusted_packet_sequence_id = 10; }
  optional InternedData interned_data = 12;
  optional uint32 sequence_flags = 13;
  optional TracePacketDefaults trace_packet_defaults = 59;
}
message TracePacketDefaults { optional uint32 timestamp_clock_id = 58; }
message ClockSnapshot {
  message Clock {
    optional uint32 clock_id = 1;
    optional uint64 timestamp = 2;
    optional bool is_incremental = 3;
    optional uint64 unit_multiplier_ns = 4;
  }
  repeated Clock clocks = 1;
  optional uint32 primary_trace_clock = 2;
}
message InternedString { optional uint64 iid = 1; optional bytes str = 2; }
message EventCategory { optional uint64 iid = 1; optional string name = 2; }
message EventName { optional uint64 iid = 1; optional string name = 2; }
message DebugAnnotationName { optional uint64 iid = 1; optional string name = 2; }
message InternedData {
  repeated EventCategory event_categories = 1;
  repeated EventName event_names = 2;
  repeated DebugAnnotationName debug_annotation_names = 3;
  repeated InternedString debug_annotation_string_values = 29;
}
message ProcessDescriptor { optional int32 pid = 1; optional string process_name = 6; }
message ThreadDescriptor { optional int32 pid = 1; optional int32 tid = 2; optional string thread_name = 5; }
message CounterDescriptor { optional int32 type = 1; optional int32 unit = 3; optional int64 unit_multiplier = 4; }
message TrackDescriptor {
  optional uint64 uuid = 1;
  optional string name = 2;
  optional ProcessDescriptor process = 3;
  optional ThreadDescriptor thread = 4;
  optional uint64 parent_uuid = 5;
  optional CounterDescriptor counter = 8;
}
message DebugAnnotation {
  oneof name_field { uint64 name_iid = 1; string name = 10; }
  oneof value {
    bool bool_value = 2;
    uint64 uint_value = 3;
    int64 int_value = 4;
    double double_value = 5;
    string string_value = 6;
    uint64 string_value_iid = 17;
  }
}
message TrackEvent {
  enum Type {
    TYPE_UNSPECIFIED = 0;
    TYPE_SLICE_BEGIN = 1;
    TYPE_SLICE_END = 2;
    TYPE_INSTANT = 3;
    TYPE_COUNTER = 4;
  }
  repeated uint64 category_iids = 3;
  repeated DebugAnnotation debug_annotations = 4;
  optional Type type = 9;
  oneof name_field { uint64 name_iid = 10; string name = 23; }
  optional uint64 track_uuid = 11;
  oneof counter_value_field { int64 counter_value = 30; double double_counter_value = 44; }
}
"""
LOAD, INIT, NET, CLOCK = 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF, 0xFFFFFFFB
PHASES = ["unknown", "idle", "setup", "warmup", "measure", "cooling", "loop", "deciding"]
REPEATED = re.compile("packet|category_iids|debug_annotations|event_categories|event_names|debug_annotation_names|"
                      "debug_annotation_string_values|clocks|records|channels|rails|operators|frequencies|temperatures|"
                      "throttles|edge_ns|dims|inputs|outputs|reasons|engines|cpus|sources|remarks|notes|settings|cannot")
checks = 0


def expect(found, wanted, what):
    global checks
    checks += 1
    if found == wanted:
        return
    if isinstance(found, (list, collections.Counter)) and len(found) == len(wanted):
        pairs = zip(found, wanted) if isinstance(found, list) else [(found - wanted, wanted - found)]
        found, wanted = next((a, b) for a, b in pairs if a != b)
    sys.exit(f"perfetto_bar: {what}: {str(found)[:600]} where the store has {str(wanted)[:600]}")


def decode(proto, message, data, include):
    """A message as dictionaries, by protoc --decode."""
    done = subprocess.run(["protoc", f"-I{include}", f"--decode={message}", proto], input=data, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"perfetto_bar: {done.stderr.decode()}")
    root, stack = {}, []
    here = root
    for line in done.stdout.decode().splitlines():
        line = line.strip()
        if line.endswith("{"):
            stack.append(here)
            here = add(here, line[:-2], {})
        elif line == "}":
            here = stack.pop()
        else:
            key, value = line.split(": ", 1)
            add(here, key, scalar(value))
    return root


def add(here, key, value):
    if REPEATED.fullmatch(key):
        here.setdefault(key, []).append(value)
    else:
        here[key] = value
    return value


def scalar(text):
    if text[0] == '"':
        body = text[1:-1]
        if "\\" not in body:
            return body
        return re.sub(rb"\\([0-7]{1,3}|.)", lambda m: ESCAPES.get(m[1]) or bytes([int(m[1], 8)]),
                      body.encode()).decode()
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b'"': b'"', b"'": b"'", b"\\": b"\\"}


# The store.
class Stored:
    def __init__(self, store):
        connection = sqlite3.connect(store)
        self.readings, self.markers, records = collections.defaultdict(list), [], b""
        for channel, data in connection.execute("SELECT channel, data FROM chunks ORDER BY run, seq"):
            if channel == 0:
                records += framed(data)
            elif channel == 1:
                self.markers += markers(data)
            else:
                self.readings[channel] += readings(data)
        connection.close()
        self.markers = [m for m in self.markers if m[2] != CLOCK]
        with tempfile.TemporaryDirectory() as folder:
            proto = pathlib.Path(folder) / "all.proto"
            proto.write_text('syntax = "proto3"; import "synergy/v1/records.proto"; '
                             "message All { repeated synergy.v1.RunRecord records = 1; }")
            records = decode(str(proto), "All", records, f"{ROOT / 'proto'}:{folder}")["records"]
        self.records = records
        self.header = next(r["header"] for r in records if "header" in r)
        self.operators = {op.get("index", 0): op for r in records if "operators" in r
                          for op in r["operators"][0]["operators"]}

    def of(self, kind):
        return [r[kind] for r in self.records if kind in r]

    def name(self, op):
        return self.operators.get(op, {}).get("name") or f"operator {op}"

    def watts(self, rail):
        """What the rail's counter says: stamps and watts."""
        of = {c["quantity"]: c for c in self.header["channels"] if c["rail"] == rail}
        if "QUANTITY_POWER" in of:
            channel = of["QUANTITY_POWER"]
            return [(b, raw * channel["scale"]) for b, _, raw, _ in self.readings[channel["channel"]]]
        if "QUANTITY_ENERGY_COUNTER" in of:
            return list(self.means(of["QUANTITY_ENERGY_COUNTER"]))
        current, voltage = of["QUANTITY_CURRENT"], of["QUANTITY_VOLTAGE"]
        at = [b + (e - b) // 2 for b, e, _, _ in self.readings[voltage["channel"]]]
        volts = [raw * voltage["scale"] for _, _, raw, _ in self.readings[voltage["channel"]]]
        return [(b, raw * current["scale"] * linear(at, volts, b + (e - b) // 2))
                for b, e, raw, _ in self.readings[current["channel"]]]

    def means(self, channel):
        before = None
        for begin, end, raw, _ in self.readings[channel["channel"]]:
            middle = begin + (end - begin) // 2
            if before is None or (raw != before[2] and middle > before[1]):
                if before and raw > before[2]:
                    yield before[0], (raw - before[2]) * channel["scale"] / (1e-9 * (middle - before[1]))
                before = begin, middle, raw


def framed(data):
    """Length-delimited messages as a repeated field."""
    at, out = 0, b""
    while at < len(data):
        length = shift = 0
        start = at
        while True:
            byte = data[at]
            length |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if byte < 0x80:
                break
        out += b"\x0a" + data[start:at + length]
        at += length
    return out


def linear(at, values, where):
    i = bisect.bisect_right(at, where)
    if i in (0, len(at)):
        return values[0 if i == 0 else -1]
    return values[i - 1] + (where - at[i - 1]) / (at[i] - at[i - 1]) * (values[i] - values[i - 1])


# The timelines, both as: processes {id: name}, values {name: [(ns, value)]}, slices [(process, track, begin, end, name,
# {arguments})], instants [(track, ns, name, {arguments})].
class Timeline:
    def __init__(self):
        self.processes, self.values = {}, collections.defaultdict(list)
        self.slices, self.instants = [], []


def perfetto(path):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "perfetto.proto").write_text(PERFETTO)
        trace = decode("perfetto.proto", "perfetto.protos.Trace", path.read_bytes(), folder)
    line, tracks, events = Timeline(), {}, []
    interned = collections.defaultdict(dict)
    snapshot = trace["packet"][0]["clock_snapshot"]
    expect(snapshot["primary_trace_clock"], 3, "the trace's clock")
    expect(trace["packet"][0]["trace_packet_defaults"], {"timestamp_clock_id": 3}, "the packets' clock")
    expect(trace["packet"][0]["sequence_flags"], 1, "the beginning of the sequence")
    for packet in trace["packet"]:
        expect(packet["trusted_packet_sequence_id"], 1, "the packet's sequence")
        for kind, entries in packet.get("interned_data", {}).items():
            for entry in entries:
                expect(entry["iid"] in interned[kind], False, "a string's number")
                interned[kind][entry["iid"]] = entry.get("name", entry.get("str", ""))
        if "track_descriptor" in packet:
            track = packet["track_descriptor"]
            expect(track["uuid"] in tracks, False, "a track's number")
            tracks[track["uuid"]] = track
            if "process" in track:
                line.processes[track["process"]["pid"]] = track["process"]["process_name"]
        elif "track_event" in packet:
            events.append((packet["timestamp"], packet["track_event"], resolved(packet["track_event"], interned)))
    events.sort(key=lambda event: event[0])  # stable, as Perfetto's importer
    names = {uuid: track.get("name") or track.get("thread", {}).get("thread_name") for uuid, track in tracks.items()}
    parents = {uuid: track.get("parent_uuid") or track.get("thread", {}).get("pid") for uuid, track in tracks.items()}
    stacks = collections.defaultdict(list)
    for at, event, (name, arguments) in events:
        uuid = event["track_uuid"]
        if event["type"] == "TYPE_COUNTER":
            expect("counter" in tracks[uuid], True, "a counter's track")
            line.values[names[uuid]].append((at, event["double_counter_value"]))
        elif event["type"] == "TYPE_INSTANT":
            line.instants.append((names[uuid], at, name, arguments))
        elif event["type"] == "TYPE_SLICE_BEGIN":
            stacks[uuid].append((at, name, arguments))
        else:
            begin, name, arguments = stacks[uuid].pop()
            line.slices.append((parents[uuid], names[uuid], begin, at, name, arguments))
    expect([s for s in stacks.values() if s], [], "slices without an end")
    return line, snapshot


def resolved(event, interned):
    arguments = {}
    for one in event.get("debug_annotations", []):
        name = interned["debug_annotation_names"][one["name_iid"]]
        arguments[name] = (interned["debug_annotation_string_values"][one["string_value_iid"]]
                           if "string_value_iid" in one else one.get("int_value", one.get("double_value")))
    return interned["event_names"].get(event.get("name_iid")), arguments


def chrome(path):
    document = json.loads(path.read_bytes())
    line, tracks = Timeline(), {}
    for event in document["traceEvents"]:
        place = event["pid"], event["tid"]
        at = round(event.get("ts", 0) * 1000)
        if event["ph"] == "M":
            if event["name"] == "process_name":
                line.processes[event["pid"]] = event["args"]["name"]
            elif event["name"] == "thread_name":
                tracks[place] = event["args"]["name"]
        elif event["ph"] == "C":
            line.values[event["name"]].append((at, event["args"]["value"]))
        elif event["ph"] == "X":
            line.slices.append((event["pid"], tracks[place], at, at + round(event["dur"] * 1000), event["name"],
                                event["args"]))
        else:
            line.instants.append((tracks[place], at, event["name"], event["args"]))
    for values in line.values.values():
        values.sort(key=lambda point: point[0])
    return line, document["otherData"]


def base(track):
    return track.split(", overlapping")[0]


def check_timeline(line, stored, report, what):
    header = stored.header
    board, worker = sorted(line.processes)
    title = header["board"]["title"]
    expect([line.processes[board], "SIMULATED" in line.processes[worker]], [f"SIMULATED {title}", True],
           f"{what}: processes")
    samples = check_values(line, stored, what)
    slices = collections.Counter((process, base(track), begin, end, name, args.get("iteration"), args.get("phase"))
                                 for process, track, begin, end, name, args in line.slices)
    expect(slices, wanted_slices(stored, board, worker), f"{what}: slices")
    check_energies(line, report, what)
    wanted = [("run", header["begin_ns"])] + [(n["code"], n["at_ns"]) for n in stored.of("notice")]
    wanted += [("clock moved", c["at_ns"]) for c in stored.of("clock_change")]
    wanted += [("end", e["end_ns"]) for e in stored.of("end")]
    wanted += [(f"phase: {p['phase'][6:].lower()}", p["at_ns"]) for p in stored.of("phase")]
    wanted += [(f"gap: {g['cause'][6:].lower()}", g["begin_ns"]) for g in stored.of("gap")]
    found = [(name, at) for track, at, name, _ in line.instants if name not in ("throttle", "clock unread")]
    expect(sorted(found), sorted(wanted), f"{what}: instants")
    return samples, sum(slices.values())


def check_values(line, stored, what):
    wanted = {}
    for rail in dict.fromkeys(c["rail"] for c in stored.header["channels"]):
        watts = stored.watts(rail)
        if watts:
            wanted[f"{rail} (W)"] = sorted(watts, key=lambda point: point[0])
    for one in stored.of("conditions"):
        for clock in one.get("frequencies", []):
            if clock.get("hz"):
                wanted.setdefault(f"{clock['clock']} (Hz)", []).append((one["at_ns"], clock["hz"]))
        for zone in one.get("temperatures", []):
            wanted.setdefault(f"{zone['zone']} (C)", []).append((one["at_ns"], zone.get("millidegrees", 0) / 1000))
    expect(sorted(line.values), sorted(wanted), f"{what}: counters")
    for name, points in wanted.items():
        found = line.values[name]
        expect([at for at, _ in found], [at for at, _ in points], f"{what}: stamps of {name}")
        for (at, value), (_, right) in zip(found, points):
            if abs(value - right) > 1e-12 * abs(right):
                sys.exit(f"perfetto_bar: {what}: {name} is {value} at {at}, where the store has {right}")
    return sum(len(points) for name, points in wanted.items() if name.endswith("(W)"))


def wanted_slices(stored, board, worker):
    wanted = collections.Counter()
    for begin, end, op, iteration, thread, phase in stored.markers:
        if op == NET:
            wanted[worker, "iterations", begin, end, f"{PHASES[phase]} {iteration}", iteration, PHASES[phase]] += 1
        elif op in (LOAD, INIT):
            name = "load the nets" if op == LOAD else "init net"
            wanted[worker, f"thread {thread}", begin, end, name, None, None] += 1
        else:
            wanted[worker, f"thread {thread}", begin, end, stored.name(op), iteration, PHASES[phase]] += 1
    phases = stored.of("phase")
    ends = [p["at_ns"] for p in phases[1:]] + [last_stamp(stored)]
    for phase, end in zip(phases, ends):
        wanted[worker, "phases", phase["at_ns"], end, phase["phase"][6:].lower(), None, None] += 1
    for gap in stored.of("gap"):
        wanted[board, "gaps: " + gap["source"], gap["begin_ns"], gap["end_ns"], gap["cause"][6:].lower(), None,
               None] += 1
    for chirp in stored.of("chirp"):
        for begin, end in zip(chirp["edge_ns"][::2], chirp["edge_ns"][1::2]):
            wanted[worker, "load pattern", begin, end, "load", None, None] += 1
    return wanted


def last_stamp(stored):
    stamps = [m[1] for m in stored.markers] + [r[-1][1] for r in stored.readings.values() if r]
    return max(stamps + [e["end_ns"] for e in stored.of("end")])


def check_energies(line, report, what):
    """Beside every execution stand its operator's numbers as `show --json` has them."""
    wanted = {}
    for op in report["ops"]:
        numbers = {"type": op["type"], "op": op["index"]}
        if op["macs"] is not None:
            numbers["macs"] = op["macs"]
        if op["output_shapes"]:
            numbers["output_shapes"] = ", ".join("x".join(map(str, shape)) or "scalar" for shape in op["output_shapes"])
        for rail, energy in op["energy_j"].items():
            if energy.get("mean") is not None:
                numbers["energy_j_" + rail] = energy["mean"]
            if energy.get("ci95"):
                numbers["energy_j_ci95_low_" + rail], numbers["energy_j_ci95_high_" + rail] = energy["ci95"]
        wanted[op["index"]] = numbers
    for process, track, begin, end, name, args in line.slices:
        if args.get("op") in wanted:
            numbers = wanted[args["op"]]
            expect({key: args.get(key) for key in numbers}, numbers, f"{what}: {name} at {begin}")
            expect([key for key in args if key.startswith("energy_j") and key not in numbers], [], f"{what}: {name}")


def check_lines(path, stored):
    kinds = collections.Counter()
    for text in path.read_text().splitlines():
        kinds[json.loads(text)["record"]] += 1
    expect(kinds["sample"], sum(map(len, stored.readings.values())), "jsonl: samples")
    expect(kinds["execution"], sum(m[2] < CLOCK for m in stored.markers), "jsonl: executions")
    expect([kinds["phase"], kinds["gap"]], [len(stored.of("phase")), len(stored.of("gap"))], "jsonl: phases and gaps")


def check_return(ctl, folder, report):
    """Bar 4: csv, then import, gives the same run: the whole document but for its identity."""
    out = folder / "csv"
    ctl("export", "1", "--format", "csv", "-o", f"{out}/")
    again = json.loads(ctl("import", out, "--json", store=folder / "again.db"))
    for document in (again, report):
        for key in ("number", "id", "board_id"):
            document["run"].pop(key)
    again["run"]["board_title"] = again["run"]["board_title"].removesuffix(", imported")
    expect(sorted(again), sorted(report), "import: keys")
    for key, value in report.items():
        expect(again[key], value, f"import: {key}")


def run(board, iterations, folder):
    def ctl(*arguments, store=folder / "run.db"):
        done = subprocess.run([BIN / "synergyctl", *map(str, arguments), "--store", str(store)], capture_output=True)
        if done.returncode not in (0, 1):
            sys.exit(f"perfetto_bar: {board}: {done.stderr.decode()}")
        return done.stdout

    faults = ["--fault", "read-errors:0.001"] if board == "sim:jetson-agx-orin" else []
    subprocess.run([BIN / "synergy-sim", "--board", board, *faults, "--net", "squeezenet", "--threads", "2",
                    "--iterations", str(iterations), "--seed", "5", "-o", folder / "run.spool"], check=True,
                   capture_output=True)
    ctl("import", "--spool", folder / "run.spool")
    report = json.loads(ctl("show", "1", "--json"))
    stored = Stored(folder / "run.db")
    begin = time.monotonic()
    ctl("export", "1", "--format", "perfetto", "-o", folder / "x.pftrace")
    took = time.monotonic() - begin
    line, snapshot = perfetto(folder / "x.pftrace")
    expect(snapshot["clocks"][0], {"clock_id": 3, "timestamp": stored.header["begin_ns"]}, "the clock's snapshot")
    samples, slices = check_timeline(line, stored, report, f"{board}: perfetto")
    ctl("export", "1", "--format", "chrome", "-o", folder / "x.json")
    line, facts = chrome(folder / "x.json")
    expect((facts["run"], "SIMULATED" in facts), (stored.header["run_id"], True), "chrome: metadata")
    check_timeline(line, stored, report, f"{board}: chrome")
    ctl("export", "1", "--format", "jsonl", "-o", folder / "x.jsonl")
    check_lines(folder / "x.jsonl", stored)
    check_return(ctl, folder, report)
    size = (folder / "x.pftrace").stat().st_size
    print(f"{board}: {samples} samples and {slices} slices agree with the store in both timelines; .pftrace "
          f"{size / 1e6:.1f} MB ({size / (samples + slices):.0f} bytes each), written in {took:.2f} s, chrome "
          f"{(folder / 'x.json').stat().st_size / 1e6:.1f} MB; csv and import: the same document")


def main():
    iterations, boards = int(sys.argv[1]), sys.argv[2:]
    for board in boards:
        with tempfile.TemporaryDirectory() as folder:
            run(board, iterations, pathlib.Path(folder))
    print(f"{checks} comparisons, none failed")


if __name__ == "__main__":
    main()
